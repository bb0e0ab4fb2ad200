package disk

import (
	"fmt"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// room is what is left for the store. Each error is nil if there is enough, or nobody knows.
type room struct {
	full  error // too little for what grows
	empty error // too little even for what frees
}

// refuses is why there is no room for r.
func (m room) refuses(r *request) error {
	if m.full != nil && r.grows() {
		return m.full
	}
	return m.empty
}

// grows says whether r may leave the store larger for good.
func (r *request) grows() bool {
	if r.write == nil || r.write.Frees {
		return false
	}
	grows := len(r.write.Records) > 0
	for i := range r.write.Retain {
		grows = grows || r.write.Retain[i].Record != nil
	}
	return grows
}

// room looks at what the disk has left, and at what MaxBytes leave.
func (s *Store) room() (m room) {
	if disk, err := s.opts.FS.GetDiskUsage(s.opts.Dir); err == nil {
		m = s.left(disk.AvailBytes, disk.TotalBytes, "of the disk")
	}
	if most := s.maxBytes.Load(); most > 0 && m.full == nil {
		size := s.usage.get(s.size)
		m.full = s.left(most-min(size, most), most, fmt.Sprintf("of the %d that it may have", most)).full // what frees always may
	}
	return m
}

// left says what it means that so many bytes of total are free.
func (s *Store) left(free, total uint64, of string) (m room) {
	least := min(s.opts.ReserveBytes, total/10)
	if free < least {
		m.full = fmt.Errorf("write to store %s: %w: fewer than %d bytes %s are free", s.opts.Dir, store.ErrFull, least, of)
	}
	if free < least/2 {
		m.empty = m.full
	}
	return m
}

const (
	usageAge   = 100 * time.Millisecond
	usageBytes = 1 << 20
)

// usage is what the store takes on the disk, which is counted now and then.
type usage struct {
	mu      sync.Mutex
	bytes   uint64
	written uint64 // since it was counted
	counted time.Time
}

// get returns the size, and has it counted if that was long ago.
func (u *usage) get(count func() uint64) uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.written >= usageBytes || time.Since(u.counted) >= usageAge {
		u.bytes, u.written, u.counted = count(), 0, time.Now()
	}
	return u.bytes + u.written
}

// add says that so many bytes were written.
func (u *usage) add(bytes int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.written += uint64(bytes)
}

// size is what the store takes on the disk, in bytes; 0: it is not open.
func (s *Store) size() (bytes uint64) {
	s.dbMu.RLock()
	defer s.dbMu.RUnlock()
	if s.db != nil {
		bytes = s.db.Metrics().DiskSpaceUsage() + s.log.Size()
	}
	return bytes
}
