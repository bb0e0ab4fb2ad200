package disk

import (
	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// spans is where records have been dropped since the last reclaim, a range for each partition that has any.
type spans map[int]store.Range

func (d *spans) add(part int, r store.Range) {
	if *d == nil {
		*d = make(spans)
	}
	if span, ok := (*d)[part]; ok {
		r.From, r.To = min(r.From, span.From), max(r.To, span.To)
	}
	(*d)[part] = r
}

// reclaim makes Pebble give back what was dropped, in the background. Where there is room it does so by itself in time.
func (s *Store) reclaim() {
	if len(s.dropped) == 0 || s.reclaiming.Load() {
		return
	}
	dropped := s.dropped
	s.dropped = nil
	s.reclaiming.Store(true)
	s.background.Go(func() {
		defer s.reclaiming.Store(false)
		for n, span := range dropped {
			from, to := logKey(nil, n, span.From), logKey(nil, n, span.To)
			_ = s.withDB(func(db *pebble.DB) error { return db.Compact(s.stop, from, to, false) }) // else it says so as a background error
		}
	})
}
