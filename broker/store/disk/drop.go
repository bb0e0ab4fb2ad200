package disk

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// dropSingly is the number of records up to which a range is deleted one by one: many small range deletions make Pebble slow.
const dropSingly = 16

// encodeDrop puts in b that the records in ranges go: those in the log become holes, those in the database are deleted.
func (p *part) encodeDrop(b *pebble.Batch, ranges []store.Range) error {
	high := p.high.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range ranges {
		r.To = min(r.To, p.draft.next)
		p.fresh = p.gone.add(r, p.fresh)
		if err := p.delete(b, store.Range{From: r.From, To: min(r.To, high)}); err != nil {
			return err
		}
	}
	return p.encodeHoles(b, &p.gone)
}

// encodeHoles puts in b what has changed of the holes.
func (p *part) encodeHoles(b *pebble.Batch, gone *holes) error {
	var value []byte
	return gone.settle(p.draft.next, func(n uint64, c *chunk) error {
		if c == nil {
			return b.Delete(holesKey(p.n, n), nil)
		}
		value = c.append(value[:0])
		return put(b, holesKey(p.n, n), value)
	})
}

// delete deletes records from the database.
func (p *part) delete(b *pebble.Batch, r store.Range) error {
	if r.From >= r.To {
		return nil
	}
	if r.To-r.From > dropSingly {
		return b.DeleteRange(logKey(nil, p.n, r.From), logKey(nil, p.n, r.To), nil)
	}
	for seq := r.From; seq < r.To; seq++ {
		op := b.DeleteDeferred(logKeySize)
		logKey(op.Key[:0], p.n, seq)
		if err := op.Finish(); err != nil {
			return err
		}
	}
	return nil
}
