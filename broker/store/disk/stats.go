package disk

import (
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/histogram"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// counters are what Stats says.
type counters struct {
	mu    sync.Mutex
	stats store.Stats

	syncs, commits histogram.Histogram
}

// count counts what became durable of requests.
func (c *counters) count(requests []request) {
	var writes, records, bytes uint64
	for i := range requests {
		r := &requests[i]
		if r.err != nil || r.write == nil {
			continue
		}
		writes++
		records += uint64(len(r.write.Records) + len(r.write.Retain))
		bytes += uint64(r.write.Size())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Writes += writes
	c.stats.Records += records
	c.stats.Bytes += bytes
}

func (c *counters) synced(took time.Duration) { c.syncs.Observe(took, 1) }

// committed counts a batch whose first request was made at begun, if a write in it became durable.
func (c *counters) committed(begun time.Time, requests []request) {
	for i := range requests {
		if requests[i].err == nil && requests[i].write != nil {
			c.commits.Observe(time.Since(begun), 1)
			return
		}
	}
}

func (c *counters) get() store.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	stats := c.stats
	stats.Syncs, stats.Commits = c.syncs.Snapshot(), c.commits.Snapshot()
	return stats
}

// Stats implements store.Store.
func (s *Store) Stats() store.Stats {
	stats := s.counters.get()
	stats.DiskBytes = s.size()
	return stats
}
