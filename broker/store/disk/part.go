package disk

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// part is a partition. Its records are in the log, but for those that have been moved to the database, or came from a backup.
type part struct {
	store    *Store
	n        int
	acquired atomic.Bool

	end   atomic.Uint64 // the number after the last record that is durable
	floor atomic.Uint64 // what is below may be missing
	high  atomic.Uint64 // the database has no records from here on
	moves atomic.Uint64 // how often records have been moved to the database

	mu   sync.Mutex // held for moments
	gone holes      // from the log

	// What only the committer touches.
	state         // what is durable
	draft   state // what the batch makes of it
	drafted bool  // the part is among those that the batch touches
	records []*store.Record
	fresh   []store.Range // what the batch makes be gone
	after   *holes        // what gone is to be when what was moved is in the database; nil: nothing was
}

// state is what is known of a partition's log and checkpoint.
type state struct {
	at   uint64 // what the checkpoint covers; 0: there is none
	next uint64 // the number of the next record
}

// publish tells the readers of what is durable.
func (p *part) publish() {
	p.end.Store(p.next)
	p.floor.Store(p.at)
}

// settle makes the draft what is durable. If it is not, all partitions are loaded again.
func (p *part) settle(log *segment.Log) {
	for _, r := range p.fresh {
		p.store.tidying.due = true
		log.Release(p.n, r)
	}
	p.state = p.draft
	p.publish()
	if p.after != nil { // in this order: who finds a hole finds the record in the database
		last := p.fresh[len(p.fresh)-1]
		p.high.Store(max(p.high.Load(), last.To))
		p.moves.Add(1)
		p.mu.Lock()
		p.gone = *p.after
		p.mu.Unlock()
	}
	p.forget()
}

// forget forgets the draft.
func (p *part) forget() {
	clear(p.records)
	p.drafted, p.records, p.fresh, p.after = false, p.records[:0], p.fresh[:0], nil
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
