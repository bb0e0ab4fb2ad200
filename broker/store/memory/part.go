package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// readBurst is the number of records that Read takes in one hold of the lock.
const readBurst = 64

// part is a partition.
type part struct {
	store *Store

	mu    sync.Mutex
	log   [][]byte // the records from first on, of which none is ever changed; nil: dropped
	first uint64
	at    uint64 // what the checkpoint covers; 0: there is none
	kvs   map[string][]byte
}

// append appends a copy of rec.
func (p *part) append(rec []byte) (seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, append(make([]byte, 0, len(rec)), rec...))
	return p.next() - 1
}

// next is the sequence number of the next record.
func (p *part) next() uint64 { return p.first + uint64(len(p.log)) }

// Read implements store.Part.
func (p *part) Read(ctx context.Context, from uint64, fn func(uint64, []byte) error) error {
	p.mu.Lock()
	from, end := max(from, p.first), p.next()
	p.mu.Unlock()
	var burst [readBurst][]byte
	for from < end {
		if err := p.readable(ctx); err != nil {
			return fmt.Errorf("read records: %w", err)
		}
		n := p.burst(from, end, burst[:])
		for i, rec := range burst[:n] {
			if rec == nil {
				continue
			}
			if err := fn(from+uint64(i), rec); err != nil {
				return err
			}
		}
		from += uint64(n)
	}
	return nil
}

// burst copies the next records before end to dst, and returns how many they are; nil is for what has been dropped.
func (p *part) burst(from, end uint64, dst [][]byte) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n = min(len(dst), int(end-from))
	for i := range n {
		dst[i] = p.record(from + uint64(i))
	}
	return n
}

// record is nil if it is not there.
func (p *part) record(seq uint64) []byte {
	if seq < p.first || seq >= p.next() {
		return nil
	}
	return p.log[seq-p.first]
}

// Fetch implements store.Part.
func (p *part) Fetch(ctx context.Context, seqs []uint64, fn func(int, []byte) error) error {
	var burst [readBurst][]byte
	for at := 0; at < len(seqs); at += readBurst {
		if err := p.readable(ctx); err != nil {
			return fmt.Errorf("fetch records: %w", err)
		}
		next := seqs[at:min(at+readBurst, len(seqs))]
		p.mu.Lock()
		for i, seq := range next {
			burst[i] = p.record(seq)
		}
		p.mu.Unlock()
		for i, rec := range burst[:len(next)] {
			if rec == nil {
				continue
			}
			if err := fn(at+i, rec); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *part) readable(ctx context.Context) error {
	if p.store.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}

// Checkpoint implements store.Part.
func (p *part) Checkpoint(kvs []store.KV, at uint64, drop []store.Range, done func(error)) {
	p.store.changes.Lock()
	defer p.store.changes.Unlock()
	err := p.checkpoint(kvs, at, drop)
	if err != nil {
		err = fmt.Errorf("write checkpoint: %w", err)
	}
	if done != nil {
		done(err)
	}
}

func (p *part) checkpoint(kvs []store.KV, at uint64, drop []store.Range) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store.closed.Load() {
		return store.ErrClosed
	}
	if err := store.CheckSize(store.KVSize(kvs)); err != nil {
		return err
	}
	if at < p.at || at > p.next() {
		return fmt.Errorf("at %d is not in %d to %d", at, p.at, p.next())
	}
	if err := store.CheckDrop(drop, at); err != nil {
		return err
	}
	if p.kvs == nil {
		p.kvs = make(map[string][]byte)
	}
	for _, kv := range kvs {
		if kv.Value == nil {
			delete(p.kvs, kv.Key)
		} else {
			p.kvs[kv.Key] = kv.Value
		}
	}
	p.at = at
	for _, r := range drop {
		p.drop(r)
	}
	return nil
}

func (p *part) drop(r store.Range) {
	from, to := max(r.From, p.first), min(r.To, p.next())
	if from < to {
		clear(p.log[from-p.first : to-p.first])
	}
	gone := 0
	for gone < len(p.log) && p.log[gone] == nil {
		gone++
	}
	p.log, p.first = p.log[gone:], p.first+uint64(gone)
	if len(p.log) == 0 {
		p.log = nil
	}
}

// Load implements store.Part.
func (p *part) Load(ctx context.Context, fn func(store.KV) error) (uint64, error) {
	if err := p.readable(ctx); err != nil {
		return 0, fmt.Errorf("load checkpoint: %w", err)
	}
	kvs, at := p.pairs()
	for _, kv := range kvs {
		if err := ctx.Err(); err != nil {
			return 0, fmt.Errorf("load checkpoint: %w", err)
		}
		if err := fn(kv); err != nil {
			return 0, err
		}
	}
	return at, nil
}

func (p *part) pairs() ([]store.KV, uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kvs := make([]store.KV, 0, len(p.kvs))
	for k, v := range p.kvs {
		kvs = append(kvs, store.KV{Key: k, Value: v})
	}
	slices.SortFunc(kvs, func(a, b store.KV) int { return strings.Compare(a.Key, b.Key) })
	return kvs, p.at
}
