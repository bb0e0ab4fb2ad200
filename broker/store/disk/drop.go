package disk

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// dropSingly is the number of records up to which a range is dropped one by one: many small range deletions make Pebble slow.
const dropSingly = 16

// encodeDrop puts in b that the records in ranges go. When the lowest record goes, all is deleted from there up to
// the lowest that stays, whatever has been dropped between them before.
func (p *part) encodeDrop(b *pebble.Batch, ranges []store.Range) error {
	if len(ranges) == 0 {
		return nil
	}
	ranges = clip(store.JoinRanges(ranges), p.draft.first, p.draft.next)
	if len(ranges) > 0 && ranges[0].From == p.draft.first {
		lowest, err := p.lowest(ranges)
		if err != nil {
			return err
		}
		if err := p.deleteRange(b, store.Range{From: p.draft.first, To: lowest}); err != nil {
			return err
		}
		p.draft.first = lowest
		ranges = clip(ranges, lowest, p.draft.next)
	}
	for _, r := range ranges {
		if err := p.deleteRange(b, r); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) deleteRange(b *pebble.Batch, r store.Range) error {
	p.store.dropped.add(p.n, r)
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

// lowest is the number of the lowest record when ranges, of which the first begins with the lowest now, have gone; if none is
// left, the next that is not durable or not in ranges. What else the batch drops counts as if it were there.
func (p *part) lowest(ranges []store.Range) (lowest uint64, err error) {
	iter, err := p.store.db.NewIter(&pebble.IterOptions{
		LowerBound: logKey(nil, p.n, ranges[0].To), UpperBound: logKey(nil, p.n, p.draft.next),
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for _, r := range ranges {
		if lowest < r.From && lowest != 0 {
			break // it stays
		}
		lowest = r.To
		switch {
		case iter.SeekGE(logKey(nil, p.n, r.To)):
			if lowest, err = logSeq(iter.Key()); err != nil {
				return 0, err
			}
		case iter.Error() != nil:
			return 0, iter.Error()
		default:
			lowest = max(lowest, p.next)
		}
	}
	return lowest, nil
}

// clip leaves of ranges what is in from up to, and without, to, in place.
func clip(ranges []store.Range, from, to uint64) []store.Range {
	out := ranges[:0]
	for _, r := range ranges {
		r.From, r.To = max(r.From, from), min(r.To, to)
		if r.From < r.To {
			out = append(out, r)
		}
	}
	return out
}
