package disk

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Read implements store.Part.
func (p *part) Read(ctx context.Context, from uint64, fn func(uint64, []byte) error) error {
	from = max(from, 1)
	b := newBurst()
	defer b.free()
	for end := p.end.Load(); from < end; {
		if err := ctx.Err(); err != nil {
			return p.failed("read records", err)
		}
		b.reset()
		if err := p.store.withDB(func(db *pebble.DB) error { return p.readBurst(db, from, end, b) }); err != nil {
			return p.failed("read records", err)
		}
		if b.len() == 0 {
			return nil // dropped, all of it
		}
		for i := range b.len() {
			_, rec, seq := b.at(i)
			if err := fn(seq, rec); err != nil {
				return err
			}
			from = seq + 1
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
	for iter.First(); iter.Valid() && !b.full(); iter.Next() {
		seq, err := logSeq(iter.Key())
		if err != nil {
			return err
		}
		if err := p.mayMiss(from, seq); err != nil {
			return err
		}
		rec, err := unseal(iter.Key(), iter.Value())
		if err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
		b.add(nil, rec, seq)
		from = seq + 1
	}
	if err := iter.Error(); err != nil || b.full() {
		return err
	}
	return p.mayMiss(from, end)
}

// mayMiss is an error if one of the records from up to, and without, to should be there. It is asked when they are not.
func (p *part) mayMiss(from, to uint64) error {
	if floor := p.floor.Load(); from < to && to > floor {
		return fmt.Errorf("record %d: %w", max(from, floor), errLost)
	}
	return nil
}

// Fetch implements store.Part.
func (p *part) Fetch(ctx context.Context, seqs []uint64, fn func(int, []byte) error) error {
	b := newBurst()
	defer b.free()
	end := p.end.Load()
	at := 0
	for at < len(seqs) && seqs[at] == 0 {
		at++ // no record has that
	}
	for at < len(seqs) && seqs[at] < end {
		if err := ctx.Err(); err != nil {
			return p.failed("fetch records", err)
		}
		b.reset()
		next := at
		if err := p.store.withDB(func(db *pebble.DB) (err error) {
			next, err = p.fetchBurst(db, seqs, at, end, b)
			return err
		}); err != nil {
			return p.failed("fetch records", err)
		}
		for i := range b.len() {
			_, rec, at := b.at(i)
			if err := fn(int(at), rec); err != nil {
				return err
			}
		}
		at = next
	}
	return nil
}

// fetchBurst reads records before end from seqs[at] on, and returns the position of what is to be read next.
func (p *part) fetchBurst(db *pebble.DB, seqs []uint64, at int, end uint64, b *burst) (next int, err error) {
	var lower, upper [logKeySize]byte
	iter, err := db.NewIter(&pebble.IterOptions{
		LowerBound: logKey(lower[:0], p.n, seqs[at]), UpperBound: logKey(upper[:0], p.n, min(end-1, seqs[len(seqs)-1])+1),
	})
	if err != nil {
		return at, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	here := uint64(0) // the number of the record that iter is at
	for ; at < len(seqs) && seqs[at] < end && !b.full(); at++ {
		seq := seqs[at]
		if here < seq {
			if here, err = p.moveTo(iter, here, seq); err != nil {
				return at, err
			}
		}
		if here != seq {
			if err := p.mayMiss(seq, seq+1); err != nil {
				return at, err
			}
			continue
		}
		rec, err := unseal(iter.Key(), iter.Value())
		if err != nil {
			return at, fmt.Errorf("record %d: %w", seq, err)
		}
		b.add(nil, rec, uint64(at))
	}
	return at, iter.Error()
}

// moveTo moves iter from record here to record seq, or the next that is there, and returns its number; end: there is none.
func (p *part) moveTo(iter *pebble.Iterator, here, seq uint64) (uint64, error) {
	valid := false
	if here != 0 && seq == here+1 {
		valid = iter.Next()
	} else {
		var key [logKeySize]byte
		valid = iter.SeekGE(logKey(key[:0], p.n, seq))
	}
	if !valid {
		return noRecord, iter.Error()
	}
	return logSeq(iter.Key())
}

// noRecord is no record's number.
const noRecord = ^uint64(0)
