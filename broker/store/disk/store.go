package disk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// Store is a store.Store in a folder. Locks are taken in the order mu, dbMu; that of the queue and the others are leaves.
type Store struct {
	opts       Options
	migrations []migration
	fs         vfs.FS // Pebble's
	lock       *pebble.Lock
	lazy       *lazyFS // nil: syncs are not put off
	queue      queue
	retained   store.RetainedIndex
	versions   uint64 // of retained records, so far; the queue's lock guards it
	health     health
	counters   counters
	usage      usage
	damaged    atomic.Value  // string: the path of a file that Pebble says is damaged
	ended      chan struct{} // closed when the committer has ended
	closing    sync.Once
	closeErr   error

	mu    sync.Mutex                             // held to acquire, and to replace db
	parts [store.Partitions]atomic.Pointer[part] // nil: not acquired

	dbMu      sync.RWMutex                  // held by readers for short; by the committer to replace db
	db        *pebble.DB                    // nil: closed after an error, to be opened again
	snapshots map[*pebble.Snapshot]struct{} // of db, that are in use

	// What only the committer touches.
	touched []*part // by the batch
	dropped spans

	reclaiming atomic.Bool
	background sync.WaitGroup
	stop       context.Context // done when the store is to be closed
	cancel     context.CancelFunc
}

var _ store.Store = (*Store)(nil)

// Acquire implements store.Store. It never blocks: on one node nobody else can have a partition.
func (s *Store) Acquire(_ context.Context, n int) (store.Part, error) {
	if n < 0 || n >= store.Partitions {
		return nil, fmt.Errorf("acquire partition %d: there are %d, from 0", n, store.Partitions)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[n].Load() != nil {
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
	s.parts[n].Store(p)
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
	if err := fn(s.db); err != nil {
		return s.explain(err)
	}
	return nil
}

// Write implements store.Store.
func (s *Store) Write(w *store.Write) {
	r := request{write: w}
	err := s.acquired(w)
	if err == nil {
		err = s.queue.add(r, s.index)
	}
	if err != nil {
		r.err = fmt.Errorf("write to store %s: %w", s.opts.Dir, err)
		r.finish()
	}
}

// acquired is an error unless the partitions of w's records have been acquired.
func (s *Store) acquired(w *store.Write) error {
	for i := range w.Records {
		if n := w.Records[i].Part; n < 0 || n >= store.Partitions || s.parts[n].Load() == nil {
			return fmt.Errorf("partition %d has not been acquired", n)
		}
	}
	return nil
}

// Health implements store.Store.
func (s *Store) Health() error {
	err := s.health.get()
	if errors.Is(err, store.ErrFull) {
		return s.room().full // there may be room again
	}
	return err
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.queue.close()
		<-s.ended
		s.cancel()
		s.background.Wait()
		s.closeErr = s.closeDB()
	})
	return s.closeErr
}

func (s *Store) closeDB() error {
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	err := s.Health()
	if errors.Is(err, store.ErrFull) {
		err = nil // nothing is lost: who was refused has been told
	}
	if s.db != nil {
		err = errors.Join(err, s.closePebble())
	}
	if err = errors.Join(err, s.lock.Close()); err != nil {
		return fmt.Errorf("close store %s: %w", s.opts.Dir, err)
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

// failed says whether the last write failed, for another reason than want of room.
func (h *health) failed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.commit != nil && !errors.Is(h.commit, store.ErrFull)
}

func (h *health) get() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.commit != nil {
		return h.commit
	}
	return h.background
}
