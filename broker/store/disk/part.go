package disk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// part is a partition.
type part struct {
	store *Store
	n     int

	end     atomic.Uint64 // the number after the last record that is durable
	trimmed atomic.Uint64 // what is below may be missing

	// What only the committer touches, but for Acquire before it.
	state          // what is durable
	draft    state // what the batch makes of it
	drafted  bool  // the part is among those that the batch touches
	appended int   // bytes since the log was trimmed last, about
}

// publish tells the readers of what is durable.
func (p *part) publish() {
	p.end.Store(p.next)
	p.trimmed.Store(p.first)
}

// Append implements store.Part.
func (p *part) Append(rec []byte, done func(uint64, error)) {
	r := request{kind: appendRecord, part: p, rec: rec, numbers: done}
	if err := p.store.queue.add(r, nil); err != nil {
		r.err = p.failed("append record", err)
		r.finish()
	}
}

// TrimTo implements store.Part.
func (p *part) TrimTo(seq uint64) error {
	if err := p.store.queue.add(request{kind: trim, part: p, seq: seq}, nil); err != nil {
		return p.failed("trim records", err)
	}
	return nil
}

// Checkpoint implements store.Part.
func (p *part) Checkpoint(kvs []store.KV, at uint64, done func(error)) {
	r := request{kind: checkpoint, part: p, kvs: kvs, seq: at, done: done}
	if err := p.store.queue.add(r, nil); err != nil {
		r.err = p.failed("write checkpoint", err)
		r.finish()
	}
}

func (p *part) failed(what string, err error) error {
	return fmt.Errorf("%s of partition %d in store %s: %w", what, p.n, p.store.opts.Dir, err)
}

// Read implements store.Part.
func (p *part) Read(ctx context.Context, from uint64, fn func(uint64, []byte) error) error {
	from = max(from, 1)
	var b burst
	for end := p.end.Load(); from < end; {
		if err := ctx.Err(); err != nil {
			return p.failed("read records", err)
		}
		b.reset()
		if err := p.store.withDB(func(db *pebble.DB) error { return p.readBurst(db, from, end, &b) }); err != nil {
			return p.failed("read records", err)
		}
		if b.len() == 0 {
			return nil // trimmed, all of it
		}
		from = b.first
		for i := range b.len() {
			_, rec := b.at(i)
			if err := fn(from, rec); err != nil {
				return err
			}
			from++
		}
	}
	return nil
}

// readBurst reads the next records before end.
func (p *part) readBurst(db *pebble.DB, from, end uint64, b *burst) (err error) {
	iter, err := db.NewIter(&pebble.IterOptions{
		LowerBound: logKey(nil, p.n, from), UpperBound: logKey(nil, p.n, end),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	next := from
	for iter.First(); iter.Valid() && !b.full(); iter.Next() {
		seq, err := logSeq(iter.Key())
		if err != nil {
			return err
		}
		if b.len() == 0 && seq <= max(from, p.trimmed.Load()) {
			b.first, next = seq, seq
		}
		if seq != next {
			return fmt.Errorf("record %d is missing", next)
		}
		rec, err := unseal(iter.Key(), iter.Value())
		if err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
		b.add(nil, rec)
		next++
	}
	if err := iter.Error(); err != nil {
		return err
	}
	if !b.full() && next < end && end > p.trimmed.Load() {
		return fmt.Errorf("record %d is missing", next)
	}
	return nil
}

// Load implements store.Part. No Checkpoint may be under way.
func (p *part) Load(ctx context.Context, fn func(store.KV) error) (at uint64, err error) {
	if err := p.store.withDB(func(db *pebble.DB) error {
		st, err := readState(db, p.n)
		at = st.at
		return err
	}); err != nil {
		return 0, p.failed("load checkpoint", err)
	}
	var b burst
	for from := pairKey(nil, p.n, ""); ; {
		if err := ctx.Err(); err != nil {
			return 0, p.failed("load checkpoint", err)
		}
		b.reset()
		if err := p.store.withDB(func(db *pebble.DB) error { return p.loadBurst(db, from, &b) }); err != nil {
			return 0, p.failed("load checkpoint", err)
		}
		if b.len() == 0 {
			return at, nil
		}
		for i := range b.len() {
			key, value := b.at(i)
			if err := fn(store.KV{Key: string(key), Value: value}); err != nil {
				return 0, err
			}
			from = append(pairKey(from[:0], p.n, string(key)), 0) // the key right after this
		}
	}
}

// loadBurst reads the next pairs.
func (p *part) loadBurst(db *pebble.DB, from []byte, b *burst) (err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: after(pairPrefix, byte(p.n))})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid() && !b.full(); iter.Next() {
		value, err := unseal(iter.Key(), iter.Value())
		if err != nil {
			return fmt.Errorf("pair %q: %w", iter.Key()[2:], err)
		}
		b.add(iter.Key()[2:], value)
	}
	return iter.Error()
}

// readState reads what is stored of partition n.
func readState(db *pebble.DB, n int) (st state, err error) {
	st.first = 1
	key := stateKey(n)
	switch value, closer, err := db.Get(key); {
	case errors.Is(err, pebble.ErrNotFound):
	case err != nil:
		return st, err
	default:
		defer closer.Close() //nolint:errcheck // it only releases memory
		if value, err = unseal(key, value); err != nil {
			return st, fmt.Errorf("state: %w", err)
		}
		if st, err = decodeState(value); err != nil {
			return st, fmt.Errorf("state: %w", err)
		}
	}
	st.next = max(st.first, st.at)
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: logKey(nil, n, 0), UpperBound: logKey(nil, n, math.MaxUint64)})
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	if !iter.Last() {
		return st, iter.Error()
	}
	last, err := logSeq(iter.Key())
	st.next = max(st.next, last+1)
	return st, err
}
