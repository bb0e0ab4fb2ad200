package disk

import (
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

	end   atomic.Uint64 // the number after the last record that is durable
	floor atomic.Uint64 // what is below may be missing

	// What only the committer touches, but for Acquire before it.
	state         // what is durable
	draft   state // what the batch makes of it
	drafted bool  // the part is among those that the batch touches
}

// publish tells the readers of what is durable.
func (p *part) publish() {
	p.end.Store(p.next)
	p.floor.Store(p.at)
}

// settle makes the draft what is durable, or forgets it.
func (p *part) settle(durable bool) {
	p.drafted = false
	if durable {
		p.state = p.draft
		p.publish()
	}
}

// Checkpoint implements store.Part.
func (p *part) Checkpoint(kvs []store.KV, at uint64, drop []store.Range, done func(error)) {
	r := request{checkpoint: &checkpoint{part: p, kvs: kvs, at: at, drop: drop, done: done}}
	err := store.CheckDrop(drop, at)
	if err == nil {
		err = p.store.queue.add(r, nil)
	}
	if err != nil {
		r.err = p.failed("write checkpoint", err)
		r.finish()
	}
}

func (p *part) failed(what string, err error) error {
	return fmt.Errorf("%s of partition %d in store %s: %w", what, p.n, p.store.opts.Dir, err)
}

// readState reads what is stored of partition n.
func readState(db *pebble.DB, n int) (st state, err error) {
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
	st.next = max(st.at, 1)
	st.first = st.next
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: logKey(nil, n, 0), UpperBound: logKey(nil, n, math.MaxUint64)})
	if err != nil {
		return st, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	if !iter.First() {
		return st, iter.Error()
	}
	first, err := logSeq(iter.Key())
	if err != nil || !iter.Last() {
		return st, errors.Join(err, iter.Error())
	}
	last, err := logSeq(iter.Key())
	st.first, st.next = first, max(st.next, last+1)
	return st, err
}
