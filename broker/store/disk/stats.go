package disk

import (
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// counters are what Stats says.
type counters struct {
	mu    sync.Mutex
	stats store.Stats
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

func (c *counters) synced(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Syncs++
	c.stats.SyncSeconds += took.Seconds()
}

func (c *counters) get() store.Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Stats implements store.Store.
func (s *Store) Stats() store.Stats {
	stats := s.counters.get()
	stats.DiskBytes = s.size()
	return stats
}
