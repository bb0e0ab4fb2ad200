package disk

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

var errFull = errors.New("the disk is full")

// commitAll is the committer: it writes batch after batch until the queue is closed and empty.
func (s *Store) commitAll() {
	defer close(s.ended)
	for batch, more := s.queue.take(filling{}); more; batch, more = s.queue.take(batch) {
		err := s.commit(batch.requests, false)
		for i := range batch.requests {
			r := &batch.requests[i]
			if r.err == nil {
				r.err = err
			}
			r.finish()
		}
		batch.reset()
	}
	_ = s.commit(nil, true) // Close returns what Health says
}

// commit writes the requests with one sync; last: and trims what was put off. After an error the database is opened again
// before it is used.
func (s *Store) commit(requests []request, last bool) error {
	err := s.write(requests, last)
	for _, p := range s.touched {
		p.settle(err == nil)
	}
	s.touched = s.touched[:0]
	if err != nil {
		err = fmt.Errorf("write to store %s: %w", s.opts.Dir, err)
		s.report(err)
	}
	return err
}

// report tells Health, and the log of a failure that is not like the one before.
func (s *Store) report(err error) {
	if before := s.health.swap(&s.health.commit, err); err != nil && (before == nil || before.Error() != err.Error()) {
		s.opts.Log.Error("the store cannot write", "path", s.opts.Dir, "reason", err)
	} else if err == nil && before != nil {
		s.opts.Log.Info("the store can write again", "path", s.opts.Dir)
	}
}

// write writes the requests, but for those that it refuses.
func (s *Store) write(requests []request, last bool) error {
	if err := s.reopen(); err != nil {
		return err
	}
	b := s.db.NewBatch()
	full := s.full()
	for i := range requests {
		r := &requests[i]
		if r.part != nil {
			s.touch(r.part)
		}
		if full != nil && r.grows() {
			r.err = full
			continue
		}
		if err := r.encode(b); err != nil {
			return err
		}
	}
	if last {
		s.touchAll()
	}
	for _, p := range s.touched {
		if err := p.encodeState(b, last || full != nil); err != nil {
			return err
		}
	}
	switch {
	case !b.Empty():
		if err := s.apply(b); err != nil {
			return err
		}
		s.report(full)
	case full != nil:
		s.report(full)
	}
	if full != nil {
		s.reclaim()
	}
	return nil
}

// touch makes p one of the partitions that the batch changes.
func (s *Store) touch(p *part) {
	if !p.drafted {
		p.draft, p.drafted = p.state, true
		s.touched = append(s.touched, p)
	}
}

func (s *Store) touchAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.parts {
		if p != nil {
			s.touch(p)
		}
	}
}

// full says that too little of the disk is free for anything that needs room; nil: there is enough, or nobody knows.
func (s *Store) full() error {
	disk, err := s.opts.FS.GetDiskUsage(s.opts.Dir)
	if err != nil {
		return nil
	}
	least := min(s.opts.ReserveBytes, disk.TotalBytes/10)
	if disk.AvailBytes >= least {
		return nil
	}
	return fmt.Errorf("write to store %s: %w: fewer than %d bytes are free, which are kept for trims", s.opts.Dir, errFull, least)
}

// reclaim makes Pebble give back what was trimmed. It does so by itself when a table is full, and none will be now.
func (s *Store) reclaim() {
	select {
	case <-s.flushed:
	default:
		if s.flushed != nil {
			return // at it
		}
	}
	if s.flushed = nil; s.trims == 0 {
		return
	}
	s.trims = 0
	if flushed, err := s.db.AsyncFlush(); err == nil { // else it says so as a background error
		s.flushed = flushed
	}
}

// apply writes b and waits for its sync. After an error the database is closed: b may be in the page cache and not on the disk, where
// a second sync would not put it.
func (s *Store) apply(b *pebble.Batch) error {
	// Not Apply: that would tell of an error by Fatalf alone.
	err := s.db.ApplyNoSyncWait(b, pebble.Sync)
	if err == nil {
		if err = b.SyncWait(); err == nil {
			return b.Close()
		}
	}
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	err = errors.Join(err, s.db.Close())
	s.db = nil
	return err
}

// reopen opens the database if an error has closed it, and looks at what of the failed batch is there.
func (s *Store) reopen() error {
	if s.db != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	db, err := s.openDB()
	if err != nil {
		return fmt.Errorf("open it again: %w", err)
	}
	for _, p := range s.parts {
		if p == nil {
			continue
		}
		if p.state, err = readState(db, p.n); err != nil {
			return errors.Join(fmt.Errorf("open it again: partition %d: %w", p.n, err), db.Close())
		}
		p.publish()
	}
	s.health.set(&s.health.background, nil) // that was the other database's
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	s.db = db
	return nil
}
