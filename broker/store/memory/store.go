package memory

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// Store is a store.Store in memory. The zero value is empty and ready.
type Store struct {
	closed   atomic.Bool
	changes  sync.Mutex // held while a change is made and its callback runs
	retained store.RetainedIndex

	parts [store.Partitions]atomic.Pointer[part] // nil: not acquired
}

var _ store.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{} }

// Acquire implements store.Store. It never blocks.
func (s *Store) Acquire(_ context.Context, n int) (store.Part, error) {
	if n < 0 || n >= store.Partitions {
		return nil, fmt.Errorf("acquire partition %d: there are %d, from 0", n, store.Partitions)
	}
	if s.closed.Load() {
		return nil, fmt.Errorf("acquire partition %d: %w", n, store.ErrClosed)
	}
	p := &part{store: s, first: 1}
	if !s.parts[n].CompareAndSwap(nil, p) {
		return nil, fmt.Errorf("acquire partition %d: it has been acquired before", n)
	}
	return p, nil
}

// Write implements store.Store.
func (s *Store) Write(w *store.Write) {
	s.changes.Lock()
	defer s.changes.Unlock()
	err := s.write(w)
	if w.Done != nil {
		w.Done(err)
	}
}

func (s *Store) write(w *store.Write) error {
	if s.closed.Load() {
		return fmt.Errorf("write: %w", store.ErrClosed)
	}
	if err := store.CheckSize(w.Size()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	for i := range w.Records {
		if n := w.Records[i].Part; n < 0 || n >= store.Partitions || s.parts[n].Load() == nil {
			return fmt.Errorf("write: partition %d has not been acquired", n)
		}
	}
	for i := range w.Records {
		r := &w.Records[i]
		r.Seq = s.parts[r.Part].Load().append(r.Data)
	}
	for i := range w.Retain {
		s.retained.Set(w.Retain[i], 0)
	}
	return nil
}

// Retained implements store.Store.
func (s *Store) Retained(filter, after string, limit int, dst []store.Retained) ([]store.Retained, bool, error) {
	if s.closed.Load() {
		return dst, true, fmt.Errorf("find retained %q: %w", filter, store.ErrClosed)
	}
	out, last := s.retained.Scan(filter, after, limit, dst)
	return out, last, nil
}

// RetainedCount implements store.Store.
func (s *Store) RetainedCount() int { return s.retained.Len() }

// ExpireRetained implements store.Store.
func (s *Store) ExpireRetained(now int64) (next int64) {
	var burst [64]store.Retained
	for len(s.retained.Expire(now, len(burst), burst[:0])) > 0 {
		continue
	}
	return s.retained.NextExpiry()
}

// Health implements store.Store: nothing can fail.
func (s *Store) Health() error { return nil }

// Stats implements store.Store.
func (s *Store) Stats() store.Stats { return store.Stats{} }

// Close implements store.Store.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}
