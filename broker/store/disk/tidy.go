package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

const (
	// A file of the log of whose bytes less than one of sparseOf is needed is emptied into the database; when room is
	// short, one of sparseTight: that costs more than it frees.
	sparseOf    = 4
	sparseTight = 2
	moveBytes   = 1 << 20 // of records that are moved with one commit

	spentBytes = 1 << 20 // of the newest file that nobody needs; it is ended then if room is short
)

// tidying is what is known of files of the log that are no longer needed.
type tidying struct {
	files    []segment.File
	stuck    map[uint64]struct{} // numbers of files that cannot be read or removed; it has been told
	watched  uint64              // number of a file that hardly anybody needs
	live     uint64              // what was needed of it
	since    time.Time           // then
	moving   bool                // and that it is being moved
	due      bool                // records are gone from the log
	durable  uint64              // number of the last pairs that are on the disk in the database's own files
	flushing atomic.Bool         // the database is writing out what it has in memory
	flushed  atomic.Bool         // and has done so since durable was read
}

// tidy removes files of the log that nobody needs, and goes on emptying one that hardly anybody does. It does a bounded piece of
// work, and has itself called again if there is more. Without asked it does so only if there may be something new.
func (s *Store) tidy(asked bool) {
	t := &s.tidying
	if s.db == nil || !t.due && !asked && s.log.Len() == len(t.files)+1 || s.backedUp() {
		return
	}
	t.due = false
	if s.tight && s.log.Spent(spentBytes) {
		if err := s.log.Rotate(); err != nil {
			s.broke(err)
			return
		}
	}
	if t.flushed.Swap(false) {
		if n, err := readApplied(s.db, true); err == nil {
			t.durable = n
		}
	}
	t.files = s.log.Files(t.files[:0])
	if sparse := s.sweep(t.files); sparse != nil && s.isCalm(sparse) && s.move(sparse) {
		s.queue.syncDue()
	}
}

// sweep removes those of the files that nobody needs, has the database write out what makes more of them go, and returns the oldest
// that hardly anybody needs; nil: there is none.
func (s *Store) sweep(files []segment.File) (sparse *segment.File) {
	late := false
	for i := range files {
		f := &files[i]
		switch {
		case f.Pairs > s.tidying.durable:
			late = true // it also bounds what is to be applied when the store is opened
		case f.Live == 0 && !f.Kept:
			if err := s.log.Remove(f.Number); err != nil && s.tidying.stick(f.Number) {
				s.opts.Log.Warn("a file of the log that is not needed stays", "path", s.opts.Dir, "reason", err)
			}
		case sparse == nil && f.Live > 0 && !s.tidying.isStuck(f.Number) && s.isSparse(f):
			sparse = f
		}
	}
	if late {
		s.flush()
	}
	return sparse
}

// stick notes that a file cannot be read or removed, and says whether that is new.
func (t *tidying) stick(number uint64) bool {
	if t.isStuck(number) {
		return false
	}
	if t.stuck == nil {
		t.stuck = make(map[uint64]struct{})
	}
	t.stuck[number] = struct{}{}
	return true
}

func (t *tidying) isStuck(number uint64) bool {
	_, ok := t.stuck[number]
	return ok
}

// isCalm says whether what is needed of f is to be moved now. If not, tidy is called again when it is.
func (s *Store) isCalm(f *segment.File) bool {
	t, now := &s.tidying, time.Now()
	if t.watched != f.Number || t.live != f.Live && !t.moving {
		t.watched, t.since, t.moving = f.Number, now, false
		time.AfterFunc(s.opts.MoveAfter, s.queue.syncDue)
	}
	t.live = f.Live
	t.moving = t.moving || s.tight || now.Sub(t.since) >= s.opts.MoveAfter
	return t.moving
}

// isSparse says whether what is needed of a file is to be moved.
func (s *Store) isSparse(f *segment.File) bool {
	of := uint64(sparseOf)
	if s.tight {
		of = sparseTight
	}
	return f.LiveBytes < f.Bytes/of
}

// flush has the database write out what it has in memory.
func (s *Store) flush() {
	if s.tidying.flushing.Swap(true) {
		return
	}
	if _, err := s.db.AsyncFlush(); err != nil {
		s.tidying.flushing.Store(false)
	}
}

// move moves some of the records of a file that are needed to the database, and says whether it should be called again.
func (s *Store) move(f *segment.File) (again bool) {
	return s.room().empty == nil && s.commitMove(f) == nil
}

func (s *Store) commitMove(f *segment.File) error {
	s.committing.Lock()
	defer s.committing.Unlock()
	b := s.db.NewBatch()
	for n := range s.parts {
		if b.Len() >= moveBytes {
			break
		}
		if err := s.encodeMove(b, s.touch(&s.parts[n]), s.log.RecordsOf(f.Number, n)); err != nil {
			s.forgetTouched()
			s.tidying.stick(f.Number)
			s.opts.Log.Error("records that are still needed cannot be moved", "path", s.opts.Dir, "partition", n, "reason", s.explain(err))
			return err
		}
	}
	err := s.apply(b)
	if err != nil {
		s.broke(err)
	}
	s.forgetTouched()
	return err
}

func (s *Store) forgetTouched() {
	for _, p := range s.touched {
		p.forget()
	}
	s.touched = s.touched[:0]
}

// encodeMove puts in b the records of p in a range that are not gone from the log, and that they are from now on.
func (s *Store) encodeMove(b *pebble.Batch, p *part, r store.Range) error {
	reader := s.log.Reader(p.n)
	defer reader.Close()
	after := p.gone.clone()
	for run := p.gone.run(r.From, r.To); run.From < run.To && b.Len() < moveBytes; run = p.gone.run(run.To, r.To) {
		seq := run.From
		for ; seq < run.To && b.Len() < moveBytes; seq++ {
			rec, err := reader.Get(seq)
			if rec == nil && err == nil {
				err = errLost
			}
			if err != nil {
				return fmt.Errorf("record %d: %w", seq, err)
			}
			if err := put(b, logKey(nil, p.n, seq), rec); err != nil {
				return err
			}
		}
		p.fresh = after.add(store.Range{From: run.From, To: seq}, p.fresh)
	}
	if len(p.fresh) == 0 {
		return nil
	}
	p.after = &after
	if err := p.encodeHoles(b, &after); err != nil {
		return err
	}
	return p.encodeState(b, &after)
}

// readApplied returns the number of the last pairs of the log that db has, or has in its own files if durable; 0: none.
func readApplied(db *pebble.DB, durable bool) (number uint64, err error) {
	iter, err := db.NewIter(&pebble.IterOptions{
		LowerBound: appliedKey, UpperBound: append(appliedKey[:len(appliedKey):len(appliedKey)], 0), OnlyReadGuaranteedDurable: durable,
	})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	if !iter.First() {
		return 0, iter.Error()
	}
	value, err := unseal(iter.Key(), iter.Value())
	if err != nil || len(value) != 8 {
		return 0, errors.Join(errDamaged, err)
	}
	return binary.BigEndian.Uint64(value), nil
}
