package memory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// readBurst is the number of records that Read takes in one hold of the lock.
const readBurst = 64

// part is a partition. Its lock is held while callbacks run, which keeps them in order.
type part struct {
	closed *atomic.Bool

	mu    sync.Mutex
	log   [][]byte // the records from first on; none is ever changed
	first uint64
	at    uint64 // what the checkpoint covers; 0: there is none
	kvs   map[string][]byte
}

// Append implements store.Part.
func (p *part) Append(rec []byte, done func(uint64, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seq, err := p.append(rec)
	if done != nil {
		done(seq, err)
	}
}

func (p *part) append(rec []byte) (seq uint64, err error) {
	if p.closed.Load() {
		return 0, fmt.Errorf("append record: %w", store.ErrClosed)
	}
	if err := store.CheckSize(len(rec)); err != nil {
		return 0, fmt.Errorf("append record: %w", err)
	}
	p.log = append(p.log, slices.Clone(rec))
	return p.next() - 1, nil
}

// next is the sequence number of the next record.
func (p *part) next() uint64 { return p.first + uint64(len(p.log)) }

// Read implements store.Part.
func (p *part) Read(ctx context.Context, from uint64, fn func(uint64, []byte) error) error {
	p.mu.Lock()
	end := p.next()
	p.mu.Unlock()
	var burst [readBurst][]byte
	for from < end {
		if err := p.readable(ctx); err != nil {
			return fmt.Errorf("read records: %w", err)
		}
		n := 0
		from, n = p.burst(from, end, burst[:])
		for _, rec := range burst[:n] {
			if err := fn(from, rec); err != nil {
				return err
			}
			from++
		}
	}
	return nil
}

// burst copies the next records before end to dst, and returns the number of the first and how many they are.
func (p *part) burst(from, end uint64, dst [][]byte) (uint64, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from = max(from, p.first)
	if from >= end {
		return from, 0
	}
	return from, copy(dst, p.log[from-p.first:end-p.first])
}

func (p *part) readable(ctx context.Context) error {
	if p.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}

// TrimTo implements store.Part.
func (p *part) TrimTo(seq uint64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed.Load() {
		return fmt.Errorf("trim records: %w", store.ErrClosed)
	}
	seq = min(seq, p.next())
	if seq <= p.first {
		return nil
	}
	gone := int(seq - p.first)
	clear(p.log[:gone])
	p.log, p.first = p.log[gone:], seq
	if len(p.log) == 0 {
		p.log = nil
	}
	return nil
}

// Checkpoint implements store.Part.
func (p *part) Checkpoint(kvs []store.KV, at uint64, done func(error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.checkpoint(kvs, at)
	if done != nil {
		done(err)
	}
}

func (p *part) checkpoint(kvs []store.KV, at uint64) error {
	if p.closed.Load() {
		return fmt.Errorf("write checkpoint: %w", store.ErrClosed)
	}
	if err := store.CheckSize(store.KVSize(kvs)); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if at < p.at || at > p.next() {
		return fmt.Errorf("write checkpoint: at %d is not in %d to %d", at, p.at, p.next())
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
	return nil
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
