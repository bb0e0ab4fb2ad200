package disk

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// commitAll is the committer: it writes batch after batch until the queue is closed and empty.
func (s *Store) commitAll() {
	defer close(s.ended)
	var timer, retry *time.Timer // the one runs while a sync is put off, the other while a write has failed
	for batch, due, more := s.queue.take(filling{}); more; batch, due, more = s.queue.take(batch) {
		if len(batch.requests) > 0 {
			s.commitBatch(&batch)
		}
		if due && timer != nil {
			s.syncLate()
			timer = nil
		}
		if due && retry != nil {
			_ = s.commit(nil) // Health says how it went
			retry = nil
		}
		if retry == nil && s.health.failed() {
			retry = time.AfterFunc(retryAfter, s.queue.syncDue)
		}
		if timer == nil && s.lazy != nil && s.lazy.isDirty() {
			timer = time.AfterFunc(s.opts.Interval, s.queue.syncDue)
		}
		batch.reset()
	}
	for _, t := range []*time.Timer{timer, retry} {
		if t != nil {
			t.Stop() // Close syncs
		}
	}
}

// retryAfter is how long after a failed write another is tried, if nobody asks for one before.
const retryAfter = time.Second

func (s *Store) commitBatch(batch *filling) {
	err := s.commit(batch.requests)
	if err == nil {
		s.counters.committed(batch.begun, batch.requests)
	}
	for i := range batch.requests {
		r := &batch.requests[i]
		if r.err == nil {
			r.err = err
		}
		s.release(r)
		r.finish()
	}
}

// syncLate makes up for the syncs that were put off. After an error the database is opened again, as after a failed write.
func (s *Store) syncLate() {
	begun := time.Now()
	err := s.lazy.sync()
	if err == nil {
		s.counters.synced(time.Since(begun))
		return
	}
	s.dbMu.Lock()
	defer s.dbMu.Unlock()
	if s.db != nil {
		err = errors.Join(err, s.closePebble())
	}
	s.report(fmt.Errorf("write to store %s: what was written within the last %v may be lost: %w", s.opts.Dir, s.opts.Interval, err))
}

// commit writes the requests with one sync. After an error the database is opened again before it is used.
func (s *Store) commit(requests []request) error {
	err := s.write(requests)
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
func (s *Store) write(requests []request) error {
	if err := s.reopen(); err != nil {
		return err
	}
	b := s.db.NewBatch()
	if s.health.failed() { // so that there is something to sync
		if err := b.Set(formatKey, strconv.AppendInt(nil, int64(s.format()), 10), nil); err != nil {
			return err
		}
	}
	room := s.room()
	for i := range requests {
		r := &requests[i]
		if r.err = room.refuses(r); r.err != nil {
			continue
		}
		if err := s.encode(r, b); err != nil {
			return err
		}
	}
	if !b.Empty() {
		begun := time.Now()
		s.usage.add(b.Len())
		if err := s.apply(b); err != nil {
			return err
		}
		if s.lazy == nil {
			s.counters.synced(time.Since(begun))
		}
		s.counters.count(requests)
		s.report(room.full)
	} else if room.full != nil {
		s.report(room.full)
	}
	if room.full != nil {
		s.reclaim()
	}
	return nil
}

// touch makes p one of the partitions that the batch changes, and returns it.
func (s *Store) touch(p *part) *part {
	if !p.drafted {
		p.draft, p.drafted = p.state, true
		s.touched = append(s.touched, p)
	}
	return p
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
	return errors.Join(err, s.closePebble())
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
	for i := range s.parts {
		p := s.parts[i].Load()
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
