package disk

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// Load implements store.Part. No Checkpoint may be under way.
func (p *part) Load(ctx context.Context, fn func(store.KV) error) (at uint64, err error) {
	if err := p.store.withDB(func(db *pebble.DB) error {
		st, err := readStored(db, p.n)
		at = st.at
		return err
	}); err != nil {
		return 0, p.failed("load checkpoint", err)
	}
	b := newBurst()
	defer b.free()
	for from := pairKey(nil, p.n, ""); ; {
		if err := ctx.Err(); err != nil {
			return 0, p.failed("load checkpoint", err)
		}
		b.reset()
		if err := p.store.withDB(func(db *pebble.DB) error { return p.loadBurst(db, from, b) }); err != nil {
			return 0, p.failed("load checkpoint", err)
		}
		if b.len() == 0 {
			return at, nil
		}
		for i := range b.len() {
			key, value, _ := b.at(i)
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
		b.add(iter.Key()[2:], value, 0)
	}
	return iter.Error()
}
