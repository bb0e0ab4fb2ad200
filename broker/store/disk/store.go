package disk

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// Store is a store.Store in a folder. Locks are taken in the order mu, dbMu; that of the queue and the others are leaves.
type Store struct {
	opts     Options
	lock     *pebble.Lock
	queue    queue
	retained store.RetainedIndex
	health   health
	ended    chan struct{} // closed when the committer has ended
	closing  sync.Once
	closeErr error

	mu    sync.Mutex
	parts [store.Partitions]*part // nil: not acquired

	dbMu sync.RWMutex // held by readers for short; by the committer to replace db
	db   *pebble.DB   // nil: closed after an error, to be opened again

	// What only the committer touches.
	touched []*part         // by the batch
	trims   int             // since the last reclaim
	flushed <-chan struct{} // closed when what reclaim began is done; nil: nothing
}

var _ store.Store = (*Store)(nil)

// Acquire implements store.Store. It never blocks: on one node nobody else can have a partition.
func (s *Store) Acquire(_ context.Context, n int) (store.Part, error) {
	if n < 0 || n >= store.Partitions {
		return nil, fmt.Errorf("acquire partition %d: there are %d, from 0", n, store.Partitions)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[n] != nil {
		return nil, fmt.Errorf("acquire partition %d: it has been acquired before", n)
	}
	p := &part{store: s, n: n}
	err := s.withDB(func(db *pebble.DB) (err error) {
		p.state, err = readState(db, n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("acquire partition %d of store %s: %w", n, s.opts.Dir, err)
	}
	p.publish()
	s.parts[n] = p
	return p, nil
}

// withDB calls fn with the database, which stays open meanwhile. fn must be short.
func (s *Store) withDB(fn func(*pebble.DB) error) error {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.db == nil {
		if s.queue.isClosed() {
			return store.ErrClosed
		}
		return fmt.Errorf("it is to be opened again after an error: %w", s.Health())
	}
	return fn(s.db)
}

// Retain implements store.Store.
func (s *Store) Retain(topic string, rec []byte, done func(error)) {
	r := request{kind: retain, key: topic, rec: rec, done: done}
	if err := s.queue.add(r, func() { s.retained.Set(topic, rec) }); err != nil {
		r.err = fmt.Errorf("retain %q in store %s: %w", topic, s.opts.Dir, err)
		r.finish()
	}
}

// Retained implements store.Store.
func (s *Store) Retained(filter, after string, limit int, dst []store.Retained) ([]store.Retained, bool, error) {
	if s.queue.isClosed() {
		return dst, true, fmt.Errorf("find retained %q: %w", filter, store.ErrClosed)
	}
	out, last := s.retained.Scan(filter, after, limit, dst)
	return out, last, nil
}

// RetainedCount implements store.Store.
func (s *Store) RetainedCount() int { return s.retained.Len() }

// Health implements store.Store.
func (s *Store) Health() error {
	err := s.health.get()
	if errors.Is(err, errFull) {
		return s.full() // there may be room again
	}
	return err
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.queue.close()
		<-s.ended
		s.closeErr = s.closeDB()
	})
	return s.closeErr
}

func (s *Store) closeDB() error {
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	err := s.Health()
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
		s.db = nil
	}
	if err = errors.Join(err, s.lock.Close()); err != nil {
		return fmt.Errorf("close store %s: %w", s.opts.Dir, err)
	}
	return nil
}

// loadRetained reads all retained records.
func (s *Store) loadRetained() error {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{retainedPrefix}, UpperBound: after(retainedPrefix)})
	if err != nil {
		return fmt.Errorf("read retained records: %w", err)
	}
	for iter.First(); iter.Valid(); iter.Next() {
		topic := string(iter.Key()[1:])
		rec, err := unseal(iter.Key(), iter.Value())
		if err != nil {
			return errors.Join(fmt.Errorf("read retained record of %q: %w", topic, err), iter.Close())
		}
		s.retained.Set(topic, append(make([]byte, 0, len(rec)), rec...))
	}
	if err := iter.Close(); err != nil {
		return fmt.Errorf("read retained records: %w", err)
	}
	return nil
}

// health is why writes do not succeed.
type health struct {
	mu                 sync.Mutex
	commit, background error
}

func (h *health) set(what *error, err error) { _ = h.swap(what, err) }

// swap is set, and returns what was there before.
func (h *health) swap(what *error, err error) (before error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, *what = *what, err
	return before
}

func (h *health) get() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.commit != nil {
		return h.commit
	}
	return h.background
}
