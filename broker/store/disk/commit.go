package disk

import (
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// commitAll is the committer: it writes batch after batch until the queue is closed and empty.
func (s *Store) commitAll() {
	defer close(s.ended)
	var late, retry *time.Timer // the one runs while a sync is put off, the other while a write has failed
	for batch, due, more := s.queue.take(filling{}); more; batch, due, more = s.queue.take(batch) {
		if len(batch.requests) > 0 {
			s.commitBatch(&batch)
		}
		if due && late != nil {
			s.syncLate()
			late = nil
		}
		if due && retry != nil {
			_ = s.commit(nil) // Health says how it went
			retry = nil
		}
		s.tidy(due)
		if retry == nil && s.health.failed() {
			retry = time.AfterFunc(retryAfter, s.queue.syncDue)
		}
		if late == nil && s.opts.Sync == Interval && s.log != nil && s.log.Dirty() {
			late = time.AfterFunc(s.opts.Interval, s.queue.syncDue)
		}
		batch.reset()
	}
	for _, t := range []*time.Timer{late, retry} {
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

// syncLate makes up for the syncs that were put off. After an error all is opened again, as after a failed write.
func (s *Store) syncLate() {
	if s.db == nil {
		return
	}
	begun := time.Now()
	err := s.log.Sync()
	if err == nil {
		s.counters.synced(time.Since(begun))
		return
	}
	s.broke(fmt.Errorf("what was written within the last %v may be lost: %w", s.opts.Interval, err))
}

// broke tells that the log has failed beside a write, and closes all, which is opened again before it is used.
func (s *Store) broke(err error) {
	s.report(fmt.Errorf("write to store %s: %w", s.opts.Dir, errors.Join(err, s.closeAll())))
}

// commit writes the requests with one sync. After an error all is opened again before it is used.
func (s *Store) commit(requests []request) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	err := s.write(requests)
	if err != nil {
		if s.db != nil {
			err = errors.Join(err, s.closeAll())
		}
		for _, p := range s.touched {
			p.forget()
		}
		err = fmt.Errorf("write to store %s: %w", s.opts.Dir, err)
		s.report(err)
	}
	s.touched = s.touched[:0]
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
	if err := s.apply(b); err != nil {
		return err
	}
	s.counters.count(requests)
	s.report(room.full)
	s.tight = room.full != nil
	return nil
}

// apply writes the batch b and the drafts of the partitions: first to the log, which is what is waited for, and then b to the
// database, which has it in memory.
func (s *Store) apply(b *pebble.Batch) error {
	if err := s.frame(b); err != nil {
		return err
	}
	if s.batch.Empty() {
		return b.Close()
	}
	begun := time.Now()
	s.usage.add(s.batch.Len())
	if err := s.log.Write(&s.batch, s.opts.Sync == Always); err != nil {
		return err
	}
	if s.opts.Sync == Always {
		s.counters.synced(time.Since(begun))
	}
	if !b.Empty() {
		if err := s.db.Apply(b, pebble.NoSync); err != nil {
			return err
		}
		s.number++
	}
	for _, p := range s.touched {
		p.settle(s.log)
	}
	return b.Close()
}

// touch makes p one of the partitions that the batch changes, and returns it.
func (s *Store) touch(p *part) *part {
	if !p.drafted {
		p.draft, p.drafted = p.state, true
		s.touched = append(s.touched, p)
	}
	return p
}
