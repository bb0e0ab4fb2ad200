package server

import (
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// deliver hands the batch's message to a client now, or puts it aside if it has to be stored first.
// counted says that it is in the client's quota already.
func (j *journal) deliver(b *batch, cl *client, d *session.Delivery, counted bool) {
	msg := b.out.Message()
	if j == nil || min(d.QoS, msg.QoS) == 0 || !cl.logged.Load() {
		if counted { // and its session has ended since
			cl.unreserve(msg.Size())
		}
		_, sink := cl.sess.Deliver(&b.out, d)
		b.wake(sink)
		return
	}
	if counted || cl.reserve(msg.Size(), b.now) {
		b.putAside(cl, d)
	}
}

// putAside has the batch's message stored for a client, as publish does with all that are. What it returns is
// good until the next one is put aside.
func (b *batch) putAside(cl *client, d *session.Delivery) *storedTarget {
	b.stored = append(b.stored, storedTarget{client: cl, force: d.Force, to: partition.Recipient{
		Client: cl.id, Epoch: cl.epoch, QoS: d.QoS, Retain: d.Retain, IDs: d.SubscriptionIDs,
	}})
	return &b.stored[len(b.stored)-1]
}

func (t *storedTarget) delivery() session.Delivery {
	return session.Delivery{QoS: t.to.QoS, Retain: t.to.Retain, SubscriptionIDs: t.to.IDs}
}

// publish stores, in one write, the batch's message for the targets put aside, as its topic's
// retained one, that an inbound QoS 2 packet identifier is taken, and also. Either all of that is
// there after a crash or nothing: a publisher that sends again is not heard twice.
func (j *journal) publish(b *batch, a *ack, also *extra) {
	msg := b.out.Message()
	inbound := a != nil && msg.QoS == 2 && a.conn.client.logged.Load()
	if len(b.stored) == 0 && !msg.Retain && !inbound && (also == nil || len(also.records) == 0) {
		return
	}
	w := new(write)
	w.addMessage(b)
	if msg.Retain {
		w.Retain = []store.Retained{retained(msg, make([]byte, 0, msg.Size()+64))}
	}
	if inbound {
		cl := a.conn.client
		w.Records = append(w.Records, store.Record{Part: int(cl.part), Data: partition.AppendInbound(nil, cl.id, cl.epoch, a.id, false)})
	}
	if also != nil {
		w.Records = append(w.Records, also.records...)
		w.insists, w.then = true, func(_ *batch, err error) {
			if err != nil {
				also.failed(w, err)
			}
		}
	}
	if a != nil {
		w.ack = a.part()
	}
	j.publishWrite(w)
}

// extra is what is stored with a message whose publisher is not there to be told how that went.
type extra struct {
	records []store.Record
	failed  func(w *write, err error) // has it tried again; the applier calls it
}

// publishWrite writes w in its turn: it blocks while too much is on its way.
func (j *journal) publishWrite(w *write) {
	for i := range w.groups {
		w.size += int64(len(w.Records[i].Data) + targetBytes*len(w.groups[i]))
	}
	j.wait(w.size)
	j.write(w)
}

// targetBytes is about what one target takes in memory.
const targetBytes = 100

// addMessage adds the batch's message for the targets put aside, once a partition.
func (w *write) addMessage(b *batch) {
	switch len(b.stored) {
	case 0:
		return
	case 1:
		w.target[0] = b.stored[0]
		w.group[0] = w.target[:]
		w.groups, w.Records = w.group[:], w.record[:0]
	default:
		w.groups = byPartition(b.stored)
	}
	clear(b.stored)
	b.stored = b.stored[:0]
	for _, group := range w.groups {
		w.addRecord(b, group)
	}
}

// addRecord adds the record of one partition. The message that is applied later shares its bytes.
func (w *write) addRecord(b *batch, group []storedTarget) {
	msg := b.out.Message()
	data := make([]byte, 0, 64*len(group)+len(msg.Publisher)+msg.Size())
	data = partition.AppendMessage(data, len(group), func(i int) *partition.Recipient { return &group[i].to })
	data = message.Append(data, msg)
	w.Records = append(w.Records, store.Record{Part: int(group[0].client.part), Data: data})
	if w.msg == nil {
		own := *msg
		body := len(data) - len(msg.Payload)
		own.Payload = data[body:]
		own.Forward = data[body-len(msg.Forward) : body : body]
		w.msg = &own
	}
}

// byPartition groups targets by the partition of their clients.
func byPartition(targets []storedTarget) [][]storedTarget {
	sorted := slices.Clone(targets)
	slices.SortStableFunc(sorted, func(a, b storedTarget) int { return int(a.client.part) - int(b.client.part) })
	var groups [][]storedTarget
	for from, i := 0, 1; i <= len(sorted); i++ {
		if i == len(sorted) || sorted[i].client.part != sorted[from].client.part {
			groups = append(groups, sorted[from:i:i])
			from = i
		}
	}
	return groups
}

// retained is a message as its topic's retained record, which is written to room if that is large enough, or what clears that if
// the payload is empty. [MQTT-3.3.1-5] [MQTT-3.3.1-6] [MQTT-3.3.1-7]
func retained(msg *message.Message, room []byte) store.Retained {
	r := store.Retained{Topic: msg.Topic, Expires: msg.Expires}
	if len(msg.Payload) > 0 {
		r.Record = message.Append(room[:0], msg)
	}
	return r
}

// maxRecord is how much room for records is kept, in bytes.
const maxRecord = 64 << 10

// retain has a store in memory keep msg as its topic's retained message. It has a copy when Write returns.
func (b *batch) retain(in store.Store, msg *message.Message) {
	b.kept[0] = retained(msg, b.record)
	b.keep.Retain = b.kept[:]
	in.Write(&b.keep)
	if r := b.kept[0].Record; cap(r) <= maxRecord {
		b.record = r
	}
	b.kept[0] = store.Retained{}
}

// stored has the applier call then once something is stored. nil: nothing needs to be.
type stored func(then func(*batch, error))

// when is a record of cl's partition.
func (j *journal) when(cl *client, rec []byte, frees bool) stored {
	return func(then func(*batch, error)) {
		w := &write{then: then}
		w.Frees = frees
		w.record[0] = store.Record{Part: int(cl.part), Data: rec}
		w.Records = w.record[:]
		j.write(w)
	}
}

// append is for a record that nobody waits for.
func (j *journal) append(cl *client, rec []byte) { j.when(cl, rec, true)(nil) }

// promise is for a record that somebody may wait for: what it returns gets how it went, once.
func (j *journal) promise(cl *client, rec []byte) <-chan error {
	done := make(chan error, 1)
	j.when(cl, rec, true)(func(_ *batch, err error) { done <- err })
	return done
}

// arrived stores that the client has a QoS 2 message.
func (j *journal) arrived(cl *client, ordinal uint64) stored {
	return j.when(cl, partition.AppendArrived(nil, cl.id, ordinal), true)
}

// inboundDone stores that a packet identifier is free again.
func (j *journal) inboundDone(cl *client, id uint16) stored {
	if j == nil || !cl.logged.Load() {
		return nil
	}
	return j.when(cl, partition.AppendInbound(nil, cl.id, cl.epoch, id, true), true)
}

// subscribed stores new subscriptions.
func (j *journal) subscribed(cl *client, subs []*subscription) stored {
	if j == nil || !cl.logged.Load() || len(subs) == 0 {
		return nil
	}
	records := make([]partition.Subscription, len(subs))
	for i, sub := range subs {
		records[i] = sub.record()
	}
	return j.when(cl, partition.AppendSubscribe(nil, cl.id, records), false)
}

func (sub *subscription) record() partition.Subscription {
	return partition.Subscription{
		Filter: sub.filter, ID: sub.id, QoS: sub.qos, NoLocal: sub.noLocal, RetainAsPublished: sub.retainAsPublished,
	}
}

// unsubscribed stores which filters have been given up.
func (j *journal) unsubscribed(cl *client, filters []string) stored {
	if j == nil || !cl.logged.Load() {
		return nil
	}
	return j.when(cl, partition.AppendUnsubscribe(nil, cl.id, filters), true)
}

// attach stores that cl's session is connected, and waits for it: CONNACK says whether there is a
// session. A session that is in the log stays in it, and takes from it which of its client's QoS 2 messages are there. cl.mu is held, which the applier never takes.
func (j *journal) attach(cl *client, w *will) error {
	if j == nil || cl.expiry == 0 && !cl.logged.Load() {
		return nil
	}
	id := cl.identity.Load()
	rec := partition.AppendAttach(nil, &partition.Attach{
		Client: cl.id, Username: id.Username(), Anonymous: id.Anonymous(), Epoch: cl.epoch, Expiry: cl.expiry, Will: w.record(),
	})
	if err := <-j.promise(cl, rec); err != nil {
		return err
	}
	cl.logged.Store(true)
	p := &j.parts[cl.part]
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.session(cl); s != nil { // behind a write that succeeded the log knows also of those whose outcome was unknown
		cl.sess.SetReceived(s.Inbound)
	}
	return nil
}

// detach stores when cl's connection ended. cl.mu is held.
func (j *journal) detach(cl *client, w *will) {
	if j != nil && cl.logged.Load() {
		j.append(cl, partition.AppendDetach(nil, cl.id, cl.left, cl.expiry, w != nil, cl.sess.Sent()))
	}
}

// end stores that cl's session has ended. What it returns, if not nil, tells when that is done. If the
// message that comes next is numbered otherwise than next, unless that is whichever, it does nothing, and
// ended is false. cl.mu is held.
func (j *journal) end(cl *client, next uint64) (stored <-chan error, ended bool) {
	if j == nil || !cl.logged.Load() {
		return nil, true
	}
	p := &j.parts[cl.part]
	p.mu.Lock()
	s := p.session(cl)
	if s != nil && next != whichever && s.Next() != next {
		p.mu.Unlock()
		return nil, false
	}
	cl.logged.Store(false)
	if s != nil {
		messages, bytes := s.Waiting()
		cl.srv.limits.Held.Add(-messages, -bytes)
		p.freed.Add(bytes)
		p.state.End(cl.id)
	}
	p.mu.Unlock()
	return j.promise(cl, partition.AppendEnd(nil, cl.id)), true
}

// whichever message comes next.
const whichever = ^uint64(0)

// next is the number of the message that cl gets next.
func (j *journal) next(cl *client) uint64 {
	p := &j.parts[cl.part]
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.session(cl); s != nil {
		return s.Next()
	}
	return 0
}
