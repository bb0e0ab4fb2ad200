package server

import (
	"context"
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/memory"
)

// openStore opens the store that the configuration asks for and brings back what is in it.
func (s *Server) openStore(ctx context.Context) error {
	if s.cfg.Store.Dir == "" {
		s.store = memory.New()
		return nil
	}
	opened, err := disk.Open(s.cfg.Store.Dir, s.log)
	if err != nil {
		return err
	}
	s.store, s.durable = opened, true
	s.journal = newJournal(s)
	begun := time.Now()
	sessions, messages := 0, 0
	for n := range s.journal.parts {
		state, err := s.journal.parts[n].recover(ctx, s.store, n)
		if err != nil {
			_ = opened.Close() // the error that matters is err
			return fmt.Errorf("recover partition %d of %s: %w", n, s.cfg.Store.Dir, err)
		}
		for _, stored := range state.Sessions {
			sessions++
			messages += len(stored.Entries)
			s.restore(stored)
		}
	}
	s.log.Info("store opened", "dir", s.cfg.Store.Dir, "sessions", sessions, "messages", messages,
		"retained", s.store.RetainedCount(), "took", time.Since(begun).Round(100*time.Microsecond).String())
	return nil
}

// recover acquires partition n and replays it.
func (p *journalPart) recover(ctx context.Context, st store.Store, n int) (*partition.State, error) {
	var err error
	if p.Part, err = st.Acquire(ctx, n); err != nil {
		return nil, err
	}
	values := make(map[string][]byte)
	at, err := p.Load(ctx, func(kv store.KV) error {
		values[kv.Key] = append([]byte(nil), kv.Value...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	state := partition.NewState(at)
	p.known = make(map[string]struct{}, len(values))
	for id, value := range values {
		p.known[id] = struct{}{}
		if err := state.LoadSession(id, value); err != nil {
			return nil, err
		}
	}
	state.Loaded()
	p.applied = max(at, 1) - 1
	p.checkpointed = p.applied
	err = p.Read(ctx, 0, func(seq uint64, rec []byte) error {
		p.applied = max(p.applied, seq)
		return state.Apply(seq, rec)
	})
	return state, err
}

// restore makes a client of a stored session. One that was connected when the broker stopped has
// left now; one that has expired since ends when its timer fires, at once.
func (s *Server) restore(stored *partition.Session) {
	cl := s.clients.get(s, stored.Client)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	cl.epoch, cl.expiry, cl.used, cl.logged = stored.Epoch, stored.Expiry, true, true
	cl.stored.Store(stored.Expiry > 0)
	cl.identity.Store(auth.Recall(stored.Client, stored.Username, stored.Anonymous))
	cl.subs = make(map[string]*subscription, len(stored.Subs))
	for filter, r := range stored.Subs {
		sub := &subscription{
			client: cl, filter: filter, id: r.ID, qos: r.QoS, noLocal: r.NoLocal, retainAsPublished: r.RetainAsPublished,
		}
		cl.subs[filter] = sub
		s.index.Add(filter, sub)
	}
	snap := session.Snapshot{Next: stored.Next}
	for id := range stored.Inbound {
		snap.Received = append(snap.Received, id)
	}
	for i := range stored.Entries {
		e := &stored.Entries[i]
		if e.Message == nil && !e.Arrived {
			s.log.Error("queued message is missing from the log", "client_id", cl.id)
			continue
		}
		snap.Entries = append(snap.Entries, session.Stored{
			Ordinal: e.Ordinal, Seq: e.Seq, Message: e.Message, QoS: e.QoS, Retain: e.Retain, Arrived: e.Arrived, IDs: e.IDs,
		})
	}
	cl.sess.Restore(snap)
	if cl.left = stored.Left; cl.left == 0 {
		cl.left = s.now().UnixMilli()
	}
	cl.scheduleExpiry()
}
