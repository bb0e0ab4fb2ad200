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
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// Store is a store.Store in a folder. Locks are taken in the order committing, dbMu; that of the queue and the others are leaves.
type Store struct {
	opts       Options
	migrations []migration
	fs         vfs.FS // Pebble's
	lock       *pebble.Lock
	unsynced   atomic.Pointer[segment.Log] // is synced before the database writes a table, with Interval
	queue      queue
	retained   store.RetainedIndex
	versions   uint64 // of retained records, so far; the queue's lock guards it
	health     health
	counters   counters
	usage      usage
	maxBytes   atomic.Uint64 // Options.MaxBytes, or what it has become
	damaged    atomic.Value  // string: the path of a file that Pebble says is damaged
	ended      chan struct{} // closed when the committer has ended
	closing    sync.Once
	closeErr   error

	parts      [store.Partitions]part
	committing sync.Mutex // held by the committer while it changes what is durable

	dbMu    sync.RWMutex         // held by readers for short; by the committer to replace what follows
	db      *pebble.DB           // nil: closed after an error, to be opened again
	log     *segment.Log         // nil when db is
	backups map[*backup]struct{} // of db and log, that are under way

	// What only the committer touches.
	batch   segment.Batch
	number  uint64       // of the last pairs that are in db
	touched []*part      // by the batch
	cut     *segment.Cut // of the log that has failed; nil: none has
	tight   bool         // the last batch found too little room
	tidying tidying
}

var _ store.Store = (*Store)(nil)

// Acquire implements store.Store. It never blocks: on one node nobody else can have a partition.
func (s *Store) Acquire(_ context.Context, n int) (store.Part, error) {
	if n < 0 || n >= store.Partitions {
		return nil, fmt.Errorf("acquire partition %d: there are %d, from 0", n, store.Partitions)
	}
	if s.queue.isClosed() {
		return nil, fmt.Errorf("acquire partition %d of store %s: %w", n, s.opts.Dir, store.ErrClosed)
	}
	if !s.parts[n].acquired.CompareAndSwap(false, true) {
		return nil, fmt.Errorf("acquire partition %d: it has been acquired before", n)
	}
	return &s.parts[n], nil
}

// reader returns a reader of the log of partition n.
func (s *Store) reader(n int) (*segment.Reader, error) {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.db == nil {
		return nil, s.notOpen()
	}
	return s.log.Reader(n), nil
}

// notOpen is why db is nil.
func (s *Store) notOpen() error {
	if s.queue.isClosed() {
		return store.ErrClosed
	}
	return fmt.Errorf("it is to be opened again after an error: %w", s.Health())
}

// withDB calls fn with the database, which stays open meanwhile. fn must be short.
func (s *Store) withDB(fn func(*pebble.DB) error) error {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.db == nil {
		return s.notOpen()
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
		if n := w.Records[i].Part; n < 0 || n >= store.Partitions || !s.parts[n].acquired.Load() {
			return fmt.Errorf("partition %d has not been acquired", n)
		}
	}
	return nil
}

// SetMaxBytes changes Options.MaxBytes; the sizes of files stay what they were.
func (s *Store) SetMaxBytes(bytes uint64) { s.maxBytes.Store(bytes) }

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
		s.closeErr = s.closeDB()
	})
	return s.closeErr
}

func (s *Store) closeDB() error {
	err := s.Health()
	if errors.Is(err, store.ErrFull) {
		err = nil // nothing is lost: who was refused has been told
	}
	if s.db != nil {
		err = errors.Join(err, s.closeAll())
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
