package server

import (
	"maps"

	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// defaultCheckpointEvery is how many records of a partition are appended before its sessions are written
// out and the log is trimmed: it bounds the replay at start.
const defaultCheckpointEvery = 20_000

// checkpoint writes out the partitions that are due. Only the applier calls it, so that the
// sessions have got exactly the messages up to what it has applied. What else the snapshot holds
// may be ahead of that; replaying it again changes nothing.
func (j *journal) checkpoint() {
	for n := range j.parts {
		p := &j.parts[n]
		if p.applied-p.checkpointed < j.every {
			continue
		}
		p.checkpointed = p.applied
		j.checkpointPart(n, p)
	}
}

func (j *journal) checkpointPart(n int, p *journalPart) {
	at := p.applied + 1
	oldest := at
	seen := make(map[string]struct{})
	var kvs []store.KV
	for _, cl := range j.srv.clients.all(n) {
		s := cl.record()
		if s == nil {
			continue
		}
		for i := range s.Entries {
			if e := &s.Entries[i]; !e.Arrived {
				oldest = min(oldest, e.Seq)
			}
		}
		seen[cl.id] = struct{}{}
		kvs = append(kvs, store.KV{Key: cl.id, Value: s.Append(nil)})
	}
	before := p.known
	for id := range before {
		if _, still := seen[id]; !still {
			kvs = append(kvs, store.KV{Key: id})
		}
	}
	p.known = seen
	p.Checkpoint(kvs, at, func(err error) {
		j.later(func(*batch) {
			if err != nil {
				j.srv.log.Error("checkpoint not written", "reason", err.Error())
				maps.Copy(p.known, before) // what has ended since is still in the store
				return
			}
			if err := p.TrimTo(oldest); err != nil {
				j.srv.log.Error("log not trimmed", "reason", err.Error())
			}
		})
	})
}

// record is the client's session as a checkpoint holds it; nil: it is not stored.
func (cl *client) record() *partition.Session {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if !cl.logged {
		return nil
	}
	id := cl.identity.Load()
	s := &partition.Session{
		Attach: partition.Attach{Client: cl.id, Username: id.Username(), Anonymous: id.Anonymous(), Epoch: cl.epoch, Expiry: cl.expiry},
		Left:   cl.left, Subs: make(map[string]partition.Subscription, len(cl.subs)), Inbound: make(map[uint16]struct{}),
	}
	for filter, sub := range cl.subs {
		s.Subs[filter] = sub.record()
	}
	snap := cl.sess.Snapshot()
	s.Next = snap.Next
	for _, id := range snap.Received {
		s.Inbound[id] = struct{}{}
	}
	for i := range snap.Entries {
		e := &snap.Entries[i]
		s.Entries = append(s.Entries, partition.Entry{
			Ordinal: e.Ordinal, Seq: e.Seq, QoS: e.QoS, Retain: e.Retain, Arrived: e.Arrived, IDs: e.IDs,
		})
	}
	return s
}

func (sub *subscription) record() partition.Subscription {
	return partition.Subscription{
		Filter: sub.filter, ID: sub.id, QoS: sub.qos, NoLocal: sub.noLocal, RetainAsPublished: sub.retainAsPublished,
	}
}
