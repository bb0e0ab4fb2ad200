package server

import (
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// journal writes what must survive a restart to the partition log, and applies what depends on it
// once it is there. A nil journal stores nothing: sessions live in memory, and everything is
// applied at once.
//
// What follows from a stored record runs on one goroutine, the applier, in the order of the log, so
// that a session's messages get the same ordinals at a replay.
type journal struct {
	srv   *Server
	parts [store.Partitions]journalPart

	mu      sync.Mutex
	waiting []func(*batch)
	wake    chan struct{} // holds a token while something waits

	every uint64 // records between two checkpoints of a partition
}

// journalPart is a partition's log and, for the applier only, where its checkpoint stands.
type journalPart struct {
	store.Part
	applied      uint64 // sequence number of the last record that the applier has seen
	checkpointed uint64 // the same, at the last checkpoint
	known        map[string]struct{}
}

// storedTarget is a target that waits for its message to be stored.
type storedTarget struct {
	client   *client
	delivery session.Delivery
}

func newJournal(s *Server) *journal {
	return &journal{srv: s, wake: make(chan struct{}, 1), every: s.checkpointEvery}
}

// later has the applier call fn. It may be called from a store's callback.
func (j *journal) later(fn func(*batch)) {
	j.mu.Lock()
	j.waiting = append(j.waiting, fn)
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// run is the applier. It ends when stop is closed, once nothing waits.
func (j *journal) run(stop <-chan struct{}) {
	var work []func(*batch)
	for {
		j.mu.Lock()
		work, j.waiting = j.waiting, work[:0]
		j.mu.Unlock()
		if len(work) == 0 {
			select {
			case <-j.wake:
				continue
			case <-stop:
				return
			}
		}
		b := newBatch(j.srv.now())
		for i, fn := range work {
			fn(b)
			work[i] = nil
		}
		b.end()
		j.checkpoint()
	}
}

// append appends a record of cl's partition; then, if not nil, is called by the applier.
func (j *journal) append(cl *client, rec []byte, then func(*batch, error)) {
	j.appendTo(cl.part, rec, func(b *batch, _ uint64, err error) {
		if then != nil {
			then(b, err)
		}
	})
}

func (j *journal) appendTo(part int, rec []byte, then func(b *batch, seq uint64, err error)) {
	j.parts[part].Append(rec, func(seq uint64, err error) {
		j.later(func(b *batch) {
			if err == nil {
				j.parts[part].applied = seq
			} else {
				j.srv.log.Error("record not stored", "reason", err.Error())
			}
			then(b, seq, err)
		})
	})
}

// deliver hands the batch's message to a client now, or puts it aside for flush if it has to be stored first.
func (j *journal) deliver(b *batch, cl *client, d session.Delivery) {
	if j != nil && min(d.QoS, b.out.Message().QoS) > 0 && cl.stored.Load() {
		b.stored = append(b.stored, storedTarget{cl, d})
		return
	}
	_, sink := cl.sess.Deliver(&b.out, d)
	b.wake(sink)
}

// flush stores the batch's message, once a partition, for the targets put aside. The
// acknowledgement a, if not nil, waits for all of them.
func (j *journal) flush(b *batch, a *ack) {
	for len(b.stored) > 0 {
		var then func(*batch, error)
		if a != nil {
			waiting := a.part()
			then = func(b *batch, err error) { waiting.conn.partDone(b, waiting, err) }
		}
		j.storeSome(b, then)
	}
}

// storeSome stores the batch's message for the targets of one partition; the applier delivers it
// and then calls then, if not nil.
func (j *journal) storeSome(b *batch, then func(*batch, error)) {
	part := b.stored[0].client.part
	var targets []storedTarget
	var recipients []partition.Recipient
	others := b.stored[:0]
	for _, t := range b.stored {
		if t.client.part != part {
			others = append(others, t)
			continue
		}
		targets = append(targets, t)
		recipients = append(recipients, partition.Recipient{
			Client: t.client.id, Epoch: t.client.epoch,
			QoS: t.delivery.QoS, Retain: t.delivery.Retain, IDs: t.delivery.SubscriptionIDs,
		})
	}
	clear(b.stored[len(others):])
	b.stored = others
	msg := b.out.Own()
	rec := message.Append(partition.AppendMessage(make([]byte, 0, 64*len(targets)+msg.Size()), recipients), msg)
	j.appendTo(part, rec, func(b *batch, seq uint64, err error) {
		if err == nil {
			j.apply(b, msg, seq, targets)
		}
		if then != nil {
			then(b, err)
		}
	})
}

// apply delivers a message that is stored.
func (j *journal) apply(b *batch, msg *message.Message, seq uint64, targets []storedTarget) {
	b.out.Reset(msg, true, b.now)
	b.out.Seq = seq
	for i := range targets {
		t := &targets[i]
		_, sink := t.client.sess.Deliver(&b.out, t.delivery)
		b.wake(sink)
		j.released(t.client)
	}
}

// released stores, lazily, which messages a session is done with.
func (j *journal) released(cl *client) {
	if j == nil || !cl.stored.Load() {
		return
	}
	if ordinals := cl.sess.Released(); len(ordinals) > 0 {
		j.append(cl, partition.AppendDone(nil, cl.id, ordinals), nil)
	}
}

// arrived stores that the client has a QoS 2 message.
func (j *journal) arrived(cl *client, ordinal uint64) stored {
	return j.when(cl, partition.AppendArrived(nil, cl.id, ordinal))
}

// inbound stores that a packet identifier is taken; a waits for it.
func (j *journal) inbound(cl *client, id uint16, a *ack) {
	if j == nil || !cl.stored.Load() {
		return
	}
	waiting := a.part()
	j.append(cl, partition.AppendInbound(nil, cl.id, id, false), func(b *batch, err error) {
		if err == nil {
			cl.sess.Taken(id)
		}
		waiting.conn.partDone(b, waiting, err)
	})
}

// inboundDone stores that a packet identifier is free again.
func (j *journal) inboundDone(cl *client, id uint16) stored {
	if j == nil || !cl.stored.Load() {
		return nil
	}
	return j.when(cl, partition.AppendInbound(nil, cl.id, id, true))
}

// forget frees a packet identifier whose message is not stored, though the identifier may be.
func (j *journal) forget(cl *client, id uint16) {
	if j != nil && cl.stored.Load() {
		j.append(cl, partition.AppendInbound(nil, cl.id, id, true), nil)
	}
}

// subscribed stores new subscriptions.
func (j *journal) subscribed(cl *client, subs []*subscription) stored {
	if j == nil || !cl.stored.Load() || len(subs) == 0 {
		return nil
	}
	records := make([]partition.Subscription, len(subs))
	for i, sub := range subs {
		records[i] = sub.record()
	}
	return j.when(cl, partition.AppendSubscribe(nil, cl.id, records))
}

// unsubscribed stores which filters have been given up.
func (j *journal) unsubscribed(cl *client, filters []string) stored {
	if j == nil || !cl.stored.Load() {
		return nil
	}
	return j.when(cl, partition.AppendUnsubscribe(nil, cl.id, filters))
}

// stored has the applier call then once something is stored. nil: nothing needs to be.
type stored func(then func(*batch, error))

func (j *journal) when(cl *client, rec []byte) stored {
	return func(then func(*batch, error)) { j.append(cl, rec, then) }
}

// attach stores that cl's session is connected, and waits for it: CONNACK says whether there is a
// session. cl.mu is held.
func (j *journal) attach(cl *client) error {
	if j == nil || cl.expiry == 0 && !cl.stored.Load() {
		return nil
	}
	done := make(chan error, 1)
	id := cl.identity.Load()
	rec := partition.AppendAttach(nil, &partition.Attach{
		Client: cl.id, Username: id.Username(), Anonymous: id.Anonymous(), Epoch: cl.epoch, Expiry: cl.expiry,
	})
	// Not by the applier: it takes cl.mu for a checkpoint.
	j.parts[cl.part].Append(rec, func(_ uint64, err error) { done <- err })
	err := <-done
	if err == nil {
		cl.stored.Store(cl.expiry > 0)
		cl.logged = true
	}
	return err
}

// detach stores when cl's connection ended. cl.mu is held.
func (j *journal) detach(cl *client) {
	if j != nil && cl.logged {
		j.append(cl, partition.AppendDetach(nil, cl.id, cl.left, cl.expiry), nil)
	}
}

// end stores that cl's session has ended. cl.mu is held.
func (j *journal) end(cl *client) {
	if j != nil && cl.logged {
		cl.logged = false
		cl.stored.Store(false)
		j.append(cl, partition.AppendEnd(nil, cl.id), nil)
	}
}
