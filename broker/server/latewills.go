package server

import (
	"bytes"
	"errors"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

const (
	// lateWillsEvery is how long after a failure wills are tried again.
	lateWillsEvery = 5 * time.Second
	// What bounds those that wait for that: beyond it they are dropped and counted.
	maxLateWills     = 10_000
	maxLateWillBytes = 16 << 20
)

// lateWills are those that the store had no room for, or could not write: who needs them stored has not got them. They are written when
// that is possible, unless their clients are back by then, of whom they would say what is not true any more.
type lateWills struct {
	srv   *Server
	tasks goroutines

	mu       sync.Mutex
	byClient map[string]*lateWill // by client identifier
	bytes    int64
	timer    *time.Timer // nil: none waits
	stopped  bool
}

// lateWill is the write that has failed.
type lateWill struct {
	client   *client
	write    *write
	unproven bool   // it may be there nevertheless
	retained []byte // what the topic of a retained one had then: if it has another message at last, that is newer
}

// keep has a write that has failed tried again.
func (l *lateWills) keep(cl *client, w *write, err error) {
	one := &lateWill{client: cl, write: w, unproven: !errors.Is(err, store.ErrFull)}
	if len(w.Retain) > 0 {
		one.retained = l.srv.retainedRecord(w.Retain[0].Topic)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(cl.id) // of an earlier connection
	if l.stopped || one.back() || one.unproven && !cl.logged.Load() || len(l.byClient) >= maxLateWills || l.bytes+w.size > maxLateWillBytes {
		l.lost(one)
		return
	}
	if l.byClient == nil {
		l.byClient = make(map[string]*lateWill)
	}
	l.byClient[cl.id] = one
	l.bytes += w.size
	if l.timer == nil {
		l.timer = time.AfterFunc(lateWillsEvery, func() { l.tasks.start(l.publish) })
	}
}

// forget is called when a client is back.
func (l *lateWills) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(id)
}

func (l *lateWills) drop(id string) {
	if one := l.byClient[id]; one != nil {
		delete(l.byClient, id)
		l.bytes -= one.write.size
		l.lost(one)
	}
}

func (l *lateWills) lost(one *lateWill) {
	if len(one.write.groups) > 0 {
		l.srv.limits.Drops.Refused.Add(1)
	}
}

// publish tries all of them, as long as that goes well.
func (l *lateWills) publish() {
	l.mu.Lock()
	due := l.byClient
	l.byClient, l.bytes, l.timer = nil, 0, nil
	l.mu.Unlock()
	var err error
	for _, one := range due {
		if err == nil {
			err = l.again(one)
			continue
		}
		l.keep(one.client, one.write, err)
	}
}

// again writes a will once more. One that fails is kept, as at the first time.
func (l *lateWills) again(one *lateWill) error {
	cl, j := one.client, l.srv.journal
	if one.unproven {
		waits, err := j.hasWill(cl)
		if err != nil {
			l.keep(cl, one.write, err)
			return err
		}
		if !waits {
			return nil // it was there, or its session has ended, and nobody knows
		}
	}
	cl.mu.Lock() // so that the client is not back before it is on its way
	w := one.rewritten()
	if w == nil {
		cl.mu.Unlock()
		l.lost(one)
		return nil
	}
	done := make(chan error, 1)
	w.then = func(_ *batch, err error) {
		if err != nil {
			l.keep(cl, w, err)
		}
		done <- err
	}
	j.publishWrite(w)
	cl.mu.Unlock()
	return <-done
}

// rewritten is the write as it is to be tried now; nil: not at all. The client's mu is held.
func (one *lateWill) rewritten() *write {
	cl, before := one.client, one.write
	if one.back() {
		return nil
	}
	w := &write{groups: before.groups, msg: before.msg, insists: true}
	for i, group := range w.groups {
		w.Records = append(w.Records, store.Record{Part: before.Records[i].Part, Data: before.Records[i].Data})
		for k := range group {
			group[k].gone = false
			group[k].client.take(w.msg.Size())
		}
	}
	if !cl.ended && cl.logged.Load() {
		w.Records = append(w.Records, store.Record{Part: int(cl.part), Data: partition.AppendWillSent(nil, cl.id)})
	}
	if len(before.Retain) > 0 && bytes.Equal(one.retained, cl.srv.retainedRecord(before.Retain[0].Topic)) {
		w.Retain = before.Retain
	}
	if len(w.Records)+len(w.Retain) == 0 {
		return nil
	}
	return w
}

// back says whether the client is, perhaps with another session.
func (one *lateWill) back() bool {
	now := one.client.srv.clients.find(int(one.client.part), one.client.id)
	return now != nil && now.live.Load() != nil
}

// retainedRecord is what a topic has; nil: nothing.
func (s *Server) retainedRecord(name string) []byte {
	found, _, err := s.store.Retained(name, "", 1, nil)
	if err != nil || len(found) == 0 {
		return nil
	}
	return found[0].Record
}

// hasWill says, behind a write that succeeds, whether the log has cl's will still, which has not been published then.
func (j *journal) hasWill(cl *client) (bool, error) {
	if err := <-j.promise(cl, partition.AppendDone(nil, cl.id, cl.epoch, nil)); err != nil {
		return false, err
	}
	p := &j.parts[cl.part]
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.session(cl)
	return s != nil && s.Will != nil, nil
}

// stop ends it while the journal still works. What waits is in the log, if its session is.
func (l *lateWills) stop() {
	l.mu.Lock()
	l.stopped = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.mu.Unlock()
	l.tasks.wait()
}
