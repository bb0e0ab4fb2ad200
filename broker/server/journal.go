package server

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// journal writes what must survive a restart to the partitions' logs, and applies it once it is
// there. A nil journal stores nothing: sessions live in memory, and everything is applied at once.
//
// What is written is applied by one goroutine, the applier, in the order of the log: to the
// partition's state, and from there to the sessions whose clients are connected.
type journal struct {
	srv   *Server
	parts [store.Partitions]logPart
	lazy  *time.Timer // writes what nobody waits for; nil: not set
	every uint64      // records between two checkpoints of a partition

	mu      sync.Mutex // guards lazy and what follows
	waiting []*write   // for the applier
	wake    chan struct{}
	pending int64     // bytes of writes of messages that are not applied yet
	room    sync.Cond // there are fewer
}

// maxPending is how many bytes of messages, and of what is known of their targets, may be on their way
// to the log and from there to the sessions; who publishes more waits.
const maxPending = 32 << 20

// logPart is a partition: its log, and what the log adds up to. Its lock is taken for memory work
// only; session locks may be taken inside it.
type logPart struct {
	store.Part
	n int

	mu     sync.Mutex
	state  *partition.State
	unsaid []unsaid // what clients are done with, which the log has not been told
	tell   atomic.Bool
	freed  atomic.Int64 // bytes of messages that sessions are done with, since the last checkpoint

	// What only the applier touches.
	checkpoint checkpoint
}

// write is something on its way to the store, and what is to happen when it is there.
type write struct {
	store.Write
	journal *journal
	err     error
	msg     *message.Message
	groups  [][]storedTarget // of the Records that are msg's, which are the first
	size    int64            // what it counts in journal.pending
	ack     *pendingAck      // to be sent then; nil: none
	then    func(*batch, error)
	insists bool // then sees to it that a failure is not the end

	// Room for what most writes have: one record, one recipient.
	record [1]store.Record
	group  [1][]storedTarget
	target [1]storedTarget
}

// storedTarget is a client that a message is stored for.
type storedTarget struct {
	client *client
	to     partition.Recipient
	force  bool          // it drops nothing for want of room
	gone   bool          // its session has ended in the meantime
	member *subscription // by which a shared subscription chose it; nil: none did
}

// errCaughtUp ends a Read that has come far enough.
var errCaughtUp = errors.New("caught up")

// session is cl's session in the log; nil: it has ended. p.mu is held.
func (p *logPart) session(cl *client) *partition.Session {
	if s := p.state.Session(cl.id); s != nil && s.Epoch == cl.epoch {
		return s
	}
	return nil
}

func newJournal(s *Server) *journal {
	j := &journal{srv: s, wake: make(chan struct{}, 1), every: s.checkpointEvery}
	for n := range j.parts {
		j.parts[n].n = n
	}
	j.room.L = &j.mu
	return j
}

// write writes w, together with what nobody waits for of its partitions.
func (j *journal) write(w *write) {
	w.journal = j
	w.Done = w.stored
	for _, r := range w.Records {
		j.parts[r.Part].appendDone(&w.Write)
	}
	j.srv.store.Write(&w.Write)
}

// wait blocks while too much is on its way. The applier must not call it.
func (j *journal) wait(size int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.pending >= maxPending {
		j.room.Wait()
	}
	j.pending += size
}

// over says that so much is not on its way any more.
func (j *journal) over(size int64) {
	if size == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pending -= size; j.pending < maxPending {
		j.room.Broadcast()
	}
}

// stored is called by the store.
func (w *write) stored(err error) {
	w.err = err
	w.journal.later(w)
}

// later has the applier take w. It may be called from a store's callback.
func (j *journal) later(w *write) {
	j.mu.Lock()
	j.waiting = append(j.waiting, w)
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// run is the applier. It ends when stop is closed, once nothing waits.
func (j *journal) run(stop <-chan struct{}) {
	var work []*write
	for {
		j.mu.Lock()
		work, j.waiting = j.waiting, work[:0]
		j.mu.Unlock()
		if len(work) == 0 {
			select {
			case <-j.wake:
				continue
			case <-stop:
				j.checkpointAll()
				return
			}
		}
		b := j.srv.newBatch(j.srv.now())
		size := int64(0)
		for i, w := range work {
			j.apply(b, w)
			size += w.size
			work[i] = nil
		}
		j.over(size)
		b.end()
		j.checkpointDue()
	}
}

// apply applies what is stored, or has failed to be.
func (j *journal) apply(b *batch, w *write) {
	if w.err == nil {
		for i := range w.Records {
			j.applyRecord(b, w, i)
		}
	}
	if w.err != nil && len(w.groups) > 0 && !w.insists {
		j.srv.limits.Drops.Refused.Add(1)
	}
	for _, group := range w.groups {
		for i := range group {
			t := &group[i]
			if w.err != nil || t.gone {
				t.client.unreserve(w.msg.Size())
			}
			if w.err == nil && t.gone && t.member != nil {
				j.srv.shares.again(w, t)
			}
		}
	}
	if w.ack != nil {
		w.ack.conn.partDone(b, w.ack, w.err)
	}
	if w.then != nil {
		w.then(b, w.err)
	}
}

func (j *journal) applyRecord(b *batch, w *write, i int) {
	r := &w.Records[i]
	p := &j.parts[r.Part]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checkpoint.bytes += len(r.Data)
	if p.state.Next() < r.Seq {
		j.catchUp(p, r.Seq)
	}
	if i >= len(w.groups) {
		if err := p.state.Apply(r.Seq, r.Data); err != nil {
			j.srv.log.Error("record not applied", "partition", p.n, "reason", err.Error())
		}
		return
	}
	b.out.Reset(w.msg, true, b.now)
	for k := range w.groups[i] {
		j.enqueue(b, p, w.msg, r.Seq, &w.groups[i][k])
	}
	p.state.Applied(r.Seq)
}

// enqueue queues b's message for a client, and offers it to its connection. p.mu is held.
func (j *journal) enqueue(b *batch, p *logPart, msg *message.Message, seq uint64, t *storedTarget) {
	ordinal, ok := p.state.Enqueue(seq, msg, &t.to)
	if !ok {
		t.gone = true
		return
	}
	d := t.delivery()
	flush, load := t.client.sess.Offer(&b.out, ordinal, &d)
	b.wake(flush)
	b.load(load)
	j.finish(p, t.client, t.client.sess.Released())
	if t.member != nil {
		j.srv.shares.recall(t.member)
	}
	if j.srv.limits.Policy == session.DropOldest && !t.force {
		j.dropOldest(p, t.client)
	}
}

// catchUp applies the records before seq that the log has though their writes have failed: an error
// means that the outcome is unknown. p.mu is held.
func (j *journal) catchUp(p *logPart, seq uint64) {
	err := p.Read(context.Background(), p.state.Next(), func(at uint64, rec []byte) error {
		if at >= seq {
			return errCaughtUp
		}
		return p.state.Apply(at, rec)
	})
	if err != nil && !errors.Is(err, errCaughtUp) {
		j.srv.log.Error("records of failed writes not read", "partition", p.n, "reason", err.Error())
		p.state.Applied(seq - 1)
	}
}

// lost counts out a message that another record than the client's own acknowledgement has taken away.
func (j *journal) lost(part int, id string, size int) {
	if cl := j.srv.clients.find(part, id); cl != nil {
		cl.unreserve(size)
		j.parts[part].freed.Add(int64(size))
	}
}

// found counts in a message that catchUp has found for a client, and has it loaded if the client is there.
func (j *journal) found(part int, id string, size int) {
	if cl := j.srv.clients.find(part, id); cl != nil {
		cl.take(size)
		if sink := cl.sess.Behind(); sink != nil {
			sink.Load()
		}
	}
}
