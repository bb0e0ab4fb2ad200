package disk

import (
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// load reads what the database and the log have of p.
func (p *part) load(db *pebble.DB, log *segment.Log) error {
	st, err := readStored(db, p.n)
	if err != nil {
		return err
	}
	gone := holes{low: st.low}
	if err := readHoles(db, p.n, &gone); err != nil {
		return err
	}
	high, err := readHigh(db, p.n)
	if err != nil {
		return err
	}
	bounds := log.Bounds(p.n)
	p.state = state{at: st.at, next: max(st.at, high, bounds.To, 1)}
	log.Release(p.n, store.Range{To: gone.low})
	for at := gone.low; at < bounds.To; {
		from := gone.next(at, bounds.To, true)
		at = gone.next(from, bounds.To, false)
		log.Release(p.n, store.Range{From: from, To: at})
	}
	p.mu.Lock()
	p.gone = gone
	p.mu.Unlock()
	p.high.Store(high)
	p.publish()
	return nil
}

// startLog says, in the log if there is nothing in it yet, that it has none of the records that the database has, be they from a backup
// or an older format: holes below them would never be forgotten.
func (s *Store) startLog(db *pebble.DB, log *segment.Log) error {
	b := db.NewBatch()
	for n := range s.parts {
		p := &s.parts[n]
		if bounds := log.Bounds(n); bounds.From < bounds.To {
			return b.Close() // it has begun
		}
		if p.next == 1 {
			continue
		}
		if err := put(b, stateKey(n), stored{at: p.at, low: p.next}.encode()); err != nil {
			return err
		}
	}
	if b.Empty() {
		return b.Close()
	}
	if err := s.frame(b); err != nil {
		return err
	}
	if err := errors.Join(log.Write(&s.batch, true), db.Apply(b, pebble.NoSync), b.Close()); err != nil {
		return err
	}
	for n := range s.parts {
		p := &s.parts[n]
		p.mu.Lock()
		p.gone.low = p.next
		p.mu.Unlock()
	}
	s.number++
	return nil
}

// readStored reads what is stored of partition n.
func readStored(db pebble.Reader, n int) (st stored, err error) {
	st.low = 1
	key := stateKey(n)
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return st, nil
	}
	if err != nil {
		return st, err
	}
	defer closer.Close() //nolint:errcheck // it only releases memory
	if value, err = unseal(key, value); err == nil {
		st, err = decodeStored(value)
	}
	if err != nil {
		return st, fmt.Errorf("state of partition %d: %w", n, err)
	}
	return st, nil
}

func readHoles(db pebble.Reader, n int, gone *holes) (err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: holesKey(n, 0), UpperBound: holesKey(n, math.MaxUint64)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid(); iter.Next() {
		seq, err := logSeq(iter.Key())
		if err != nil {
			return err
		}
		value, err := unseal(iter.Key(), iter.Value())
		if err == nil {
			err = gone.chunk(seq).parse(value)
		}
		if err != nil {
			return fmt.Errorf("holes of partition %d: %w", n, err)
		}
	}
	return iter.Error()
}

// readHigh returns the number after the last record of partition n that is in the database; 0: there is none.
func readHigh(db pebble.Reader, n int) (high uint64, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: logKey(nil, n, 0), UpperBound: logKey(nil, n, math.MaxUint64)})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	if !iter.Last() {
		return 0, iter.Error()
	}
	last, err := logSeq(iter.Key())
	return last + 1, err
}
