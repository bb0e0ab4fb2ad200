package server

import (
	"context"
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk"
	"github.com/dunlin-mqtt/dunlin/broker/store/memory"
)

// progressEvery is how often the log says how far a long start has come.
const progressEvery = 5 * time.Second

// openStore opens the store that the configuration asks for and brings back what is in it.
func (s *Server) openStore(ctx context.Context) error {
	cfg := s.cfg.Store
	if !s.onDisk() {
		s.store = memory.New()
		return nil
	}
	s.phase.Store("opening the store")
	o := disk.Options{Dir: cfg.Dir, Log: s.log, MaxBytes: uint64(cfg.MaxBytes)}
	if cfg.Sync == config.SyncInterval {
		o.Sync, o.Interval = disk.Interval, time.Duration(cfg.SyncIntervalMilliseconds)*time.Millisecond
	}
	begun := time.Now()
	opened, err := s.openDisk(o)
	if err != nil {
		return err
	}
	s.store, s.journal = opened, newJournal(s)
	r := recovery{srv: s, begun: begun, told: begun}
	for n := range s.journal.parts {
		if err := r.part(ctx, n); err != nil {
			_ = opened.Close() // the error that matters is err
			return fmt.Errorf("recover partition %d of %s: %w", n, cfg.Dir, err)
		}
	}
	s.log.Info("store opened", "dir", cfg.Dir, "sync", string(cfg.Sync), "sessions", len(r.clients), "messages", r.messages,
		"retained", s.store.RetainedCount(), "took", time.Since(begun).Round(100*time.Microsecond).String())
	s.recovered = r.clients
	return nil
}

// onDisk says whether the store outlives the process.
func (s *Server) onDisk() bool { return s.cfg.Store.Dir != "" && s.cfg.Store.Sync != config.SyncMemory }

// openDisk opens a disk store; tests put another in front of it.
func openDisk(o disk.Options) (store.Store, error) { return disk.OpenWith(o) }

// recovery brings sessions back at start.
type recovery struct {
	srv         *Server
	begun, told time.Time
	clients     []*client
	messages    int
}

// part acquires a partition and replays it.
func (r *recovery) part(ctx context.Context, n int) error {
	s := r.srv
	s.phase.Store(fmt.Sprintf("recovering sessions: partition %d of %d", n+1, store.Partitions))
	if now := time.Now(); now.Sub(r.told) > progressEvery {
		r.told = now
		s.log.Info("recovering sessions", "partition", n+1, "of", store.Partitions, "sessions", len(r.clients), "took", now.Sub(r.begun).String())
	}
	p := &s.journal.parts[n]
	if err := p.recover(ctx, s.store); err != nil {
		return err
	}
	p.state.Sessions(func(stored *partition.Session) { r.session(stored) })
	p.state.Queued = func(client string, size int) { s.journal.found(n, client, size) }
	p.state.Finished = func(client string, size int) { s.journal.lost(n, client, size) }
	return nil
}

// recover replays the partition's log.
func (p *logPart) recover(ctx context.Context, st store.Store) (err error) {
	if p.Part, err = st.Acquire(ctx, p.n); err != nil {
		return err
	}
	p.state = partition.NewState(0)
	at, err := p.Load(ctx, func(kv store.KV) error { return p.state.Load(kv.Key, kv.Value) })
	if err != nil {
		return err
	}
	p.state.Loaded(at)
	p.checkpoint.at = p.state.Next()
	return p.Read(ctx, p.state.Next(), p.state.Apply)
}

// session makes a client of a stored session. Its timers are set by resume.
func (r *recovery) session(stored *partition.Session) {
	s := r.srv
	cl := s.clients.get(s, stored.Client)
	cl.mu.Lock()
	defer cl.mu.Unlock()
	id := auth.Recall(stored.Client, stored.Username, stored.Anonymous)
	cl.epoch, cl.expiry, cl.left, cl.used = stored.Epoch, stored.Expiry, stored.Left, true
	cl.logged.Store(true)
	cl.identity.Store(id)
	cl.subs = make(subscriptions, 0, len(stored.Subs))
	for _, sub := range stored.Subs {
		restored := &subscription{
			client: cl, filter: sub.Filter, id: sub.ID, qos: sub.QoS, noLocal: sub.NoLocal, retainAsPublished: sub.RetainAsPublished,
			share: newMembership(sub.Filter, sub.ID),
		}
		cl.subs.set(restored)
		s.enlist(restored, nil)
	}
	stored.Shares(func(string, int) { cl.sharing.Store(true) }) // it may have given up the subscription since
	messages, bytes := stored.Waiting()
	cl.quota.messages.Store(int64(messages))
	cl.quota.bytes.Store(bytes)
	s.limits.Held.Add(messages, bytes)
	restoreSession(cl, stored, s.limits.MaxInflight)
	var err error
	if cl.will, err = storedWill(stored, id); err != nil {
		s.log.Error("will not restored", "reason", err.Error())
	}
	r.clients = append(r.clients, cl)
	r.messages += messages
}

// restoreSession tells cl's session where the messages begin that were not sent. A client that left
// before the broker stopped has that in the log; of one that was connected nobody knows which of those
// that had room in flight were sent, nor which of those before them it has acknowledged: it takes one
// that it had not got with DUP as well. What has arrived was sent, and so was all before it.
func restoreSession(cl *client, stored *partition.Session, window int) {
	sent := stored.Sent
	if ordinal, ok := stored.LastArrived(); ok {
		sent = max(sent, ordinal+1)
	}
	perhaps, inflight := sent, 0
	if stored.Left == 0 {
		window += 2 * lazyMost
	}
	n := 0
	stored.Scan(0, func(r *partition.Ref) bool {
		if r.Ordinal < sent {
			inflight++
		} else if stored.Left == 0 {
			perhaps = r.Ordinal + 1
		}
		n++
		return n < window
	})
	cl.sess.Restore(stored.Inbound, sent, perhaps, inflight)
}

// resume lets time go on for the sessions that came back, once everything is there that a will could
// reach. One that was connected when the broker stopped has left now, and the log is told so; one that
// has expired since ends at once.
func (s *Server) resume() {
	now := s.now().UnixMilli()
	left := write{}
	left.Frees = true
	for _, cl := range s.recovered {
		cl.mu.Lock()
		if !cl.ended && cl.live.Load() == nil {
			if cl.left == 0 {
				cl.left = now
				rec := partition.AppendDetach(nil, cl.id, now, cl.expiry, cl.will != nil, cl.sess.Sent())
				left.Records = append(left.Records, store.Record{Part: int(cl.part), Data: rec})
			}
			cl.leaveWill(cl.will)
			cl.schedule()
		}
		cl.mu.Unlock()
	}
	s.recovered = nil
	if len(left.Records) > 0 {
		s.journal.write(&left)
	}
}
