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
	retain   sync.Mutex // keeps the order of callbacks that of the records
	retained store.RetainedIndex

	mu    sync.Mutex
	parts [store.Partitions]*part // nil: not acquired
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.parts[n] != nil {
		return nil, fmt.Errorf("acquire partition %d: it has been acquired before", n)
	}
	s.parts[n] = &part{closed: &s.closed, first: 1}
	return s.parts[n], nil
}

// Retain implements store.Store.
func (s *Store) Retain(name string, rec []byte, done func(error)) {
	s.retain.Lock()
	defer s.retain.Unlock()
	err := s.set(name, rec)
	if done != nil {
		done(err)
	}
}

func (s *Store) set(name string, rec []byte) error {
	if s.closed.Load() {
		return fmt.Errorf("retain %q: %w", name, store.ErrClosed)
	}
	if err := store.CheckSize(len(rec)); err != nil {
		return fmt.Errorf("retain %q: %w", name, err)
	}
	s.retained.Set(name, rec)
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

// Health implements store.Store: nothing can fail.
func (s *Store) Health() error { return nil }

// Close implements store.Store.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}
