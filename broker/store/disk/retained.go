package disk

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// expireBurst is the number of retained records that are cleared with one write when they have expired.
const expireBurst = 1024

// index makes Retained find the retained records of r, which are in memory as long as they are not durable.
func (s *Store) index(r *request) {
	r.version = s.versions + 1
	for i := range r.write.Retain {
		s.versions++
		s.retained.Set(r.write.Retain[i], s.versions)
	}
}

// release lets go of those that need not be in memory any more. What could not be written stays, but what was refused for
// want of room goes: it was not even tried.
func (s *Store) release(r *request) {
	switch {
	case r.write == nil:
		return
	case errors.Is(r.err, store.ErrFull):
		s.revert(r)
		return
	case r.err != nil:
		return
	}
	for i := range r.write.Retain {
		s.retained.Release(r.write.Retain[i].Topic, r.version+uint64(i), s.opts.RetainedMemoryBytes)
	}
}

// revert makes Retained find again what it found before r.
func (s *Store) revert(r *request) {
	for i := range r.write.Retain {
		topic := r.write.Retain[i].Topic
		key := retainedKey(nil, topic)
		var former *store.Retained
		err := s.withDB(func(db *pebble.DB) error {
			value, closer, err := db.Get(key)
			if err != nil {
				return err
			}
			defer closer.Close() //nolint:errcheck // it only releases memory
			found, err := unsealRetained(key, value)
			former = &store.Retained{Topic: topic, Expires: found.Expires}
			return err
		})
		if err == nil || errors.Is(err, pebble.ErrNotFound) { // else it stays as it is
			s.retained.Revert(topic, r.version+uint64(i), former)
		}
	}
}

// Retained implements store.Store.
func (s *Store) Retained(filter, after string, limit int, dst []store.Retained) (out []store.Retained, last bool, err error) {
	if s.queue.isClosed() {
		return dst, true, fmt.Errorf("find retained %q: %w", filter, store.ErrClosed)
	}
	for out = dst; len(out) == len(dst) && !last; { // again if all have just been cleared
		out, last = s.retained.Scan(filter, after, limit, dst)
		if len(out) > len(dst) {
			after = out[len(out)-1].Topic
		}
		if out, err = s.fill(out, len(dst)); err != nil {
			return dst, true, fmt.Errorf("find retained %q in store %s: %w", filter, s.opts.Dir, err)
		}
	}
	return out, last, nil
}

// fill reads the records of all from position from on that are not in memory, and removes those that have been cleared.
func (s *Store) fill(all []store.Retained, from int) ([]store.Retained, error) {
	var missing []*store.Retained
	for i := from; i < len(all); i++ {
		if all[i].Record == nil {
			missing = append(missing, &all[i])
		}
	}
	if missing == nil {
		return all, nil
	}
	slices.SortFunc(missing, func(a, b *store.Retained) int { return strings.Compare(a.Topic, b.Topic) })
	for len(missing) > 0 {
		if err := s.withDB(func(db *pebble.DB) (err error) {
			missing, err = s.readRetained(db, missing)
			return err
		}); err != nil {
			return all, err
		}
	}
	kept := all[:from]
	for _, r := range all[from:] {
		if r.Record != nil {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

// readRetained reads the records of some of the topics, which ascend, and returns the others.
func (s *Store) readRetained(db *pebble.DB, topics []*store.Retained) (rest []*store.Retained, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{retainedPrefix}, UpperBound: after(retainedPrefix)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	var key []byte
	for bytes := 0; len(topics) > 0 && bytes < burstBytes; topics = topics[1:] {
		r := topics[0]
		key = retainedKey(key[:0], r.Topic)
		if err := s.readOne(iter, key, r); err != nil {
			return nil, fmt.Errorf("retained record of %q: %w", r.Topic, err)
		}
		bytes += len(r.Record)
	}
	return topics, nil
}

// readOne reads the record of r's topic, whose key is key; it stays nil if the topic has been cleared meanwhile.
func (s *Store) readOne(iter *pebble.Iterator, key []byte, r *store.Retained) error {
	if iter.SeekGE(key) && bytes.Equal(iter.Key(), key) {
		found, err := unsealRetained(key, iter.Value())
		r.Record = append(make([]byte, 0, len(found.Record)), found.Record...)
		r.Expires = found.Expires
		return err
	}
	if err := iter.Error(); err != nil {
		return err
	}
	now, ok := s.retained.Get(r.Topic)
	if *r = now; ok && now.Record == nil {
		return errLost
	}
	return nil
}

// RetainedCount implements store.Store.
func (s *Store) RetainedCount() int { return s.retained.Len() }

// ExpireRetained implements store.Store.
func (s *Store) ExpireRetained(now int64) (next int64) {
	for next = s.retained.NextExpiry(); next != 0 && next <= now; next = s.retained.NextExpiry() {
		r := request{write: &store.Write{Frees: true}}
		if s.queue.add(r, func(r *request) { r.write.Retain = s.retained.Expire(now, expireBurst, nil) }) != nil {
			return next // it is closed
		}
	}
	return next
}

// loadRetained indexes all retained records, and keeps as many as may be in memory.
func (s *Store) loadRetained() error {
	iter, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{retainedPrefix}, UpperBound: after(retainedPrefix)})
	if err != nil {
		return fmt.Errorf("read retained records: %w", err)
	}
	for iter.First(); iter.Valid(); iter.Next() {
		r, err := unsealRetained(iter.Key(), iter.Value())
		if err != nil {
			return errors.Join(fmt.Errorf("read retained record of %q: %w", iter.Key()[1:], err), iter.Close())
		}
		if s.retained.Held()+len(r.Record) <= s.opts.RetainedMemoryBytes {
			s.retained.Set(r, 0)
		} else {
			s.retained.SetReleased(r)
		}
	}
	if err := iter.Close(); err != nil {
		return fmt.Errorf("read retained records: %w", err)
	}
	return nil
}
