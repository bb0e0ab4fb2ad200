package disk

import (
	"context"
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/store/disk/segment"
)

// noRecord is no record's number.
const noRecord = ^uint64(0)

// Read implements store.Part.
func (p *part) Read(ctx context.Context, from uint64, fn func(uint64, []byte) error) error {
	end := p.end.Load()
	from = max(from, 1)
	if from >= end {
		return nil
	}
	log, err := p.store.reader(p.n)
	if err != nil {
		return p.failed("read records", err)
	}
	defer log.Close()
	moved := newMoved(p)
	defer moved.free()
	for n := 0; from < end; n++ {
		if n%burstRecords == 0 && ctx.Err() != nil {
			return p.failed("read records", ctx.Err())
		}
		seq, rec, err := p.first(log, moved, from, end)
		if err == nil {
			err = p.mayMiss(from, min(seq, end))
		}
		if err != nil {
			return p.failed("read records", p.store.explain(err))
		}
		if seq >= end {
			return nil
		}
		if err := fn(seq, rec); err != nil {
			return err
		}
		from = seq + 1
	}
	return nil
}

// first returns the first record from number from on, before end, wherever it is; noRecord: there is none.
func (p *part) first(log *segment.Reader, m *moved, from, end uint64) (seq uint64, rec []byte, err error) {
	for {
		moves := p.moves.Load()
		if seq, rec, err = p.nextInLog(log, from, end); err != nil {
			return 0, nil, err
		}
		if from >= p.high.Load() && p.moves.Load() == moves {
			return seq, rec, nil
		}
		other, otherRec, err := m.next(from, min(seq, end))
		switch {
		case err != nil:
			return 0, nil, err
		case p.moves.Load() != moves: // what was a hole may be in the database by now, and the other way round not
			continue
		case other < seq:
			return other, otherRec, nil
		}
		return seq, rec, nil
	}
}

// nextInLog is first for the log alone.
func (p *part) nextInLog(log *segment.Reader, from, end uint64) (seq uint64, rec []byte, err error) {
	for {
		p.mu.Lock()
		run := p.gone.run(from, end)
		p.mu.Unlock()
		if run.From == run.To {
			return noRecord, nil, nil
		}
		if seq, rec, err = log.Next(run.From); err != nil || rec != nil && seq == run.From {
			return seq, rec, err
		}
		if !p.isGone(run.From) {
			return 0, nil, lost(run.From)
		}
		from = run.From // it went in this moment
	}
}

func (p *part) isGone(seq uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone.has(seq)
}

// nextIn returns the first record of a partition from number from on, before end, that is not gone from the log; noRecord: there is
// none.
func (h *holes) nextIn(log *segment.Reader, from, end uint64) (seq uint64, rec []byte, err error) {
	run := h.run(from, end)
	if run.From == run.To {
		return noRecord, nil, nil
	}
	if seq, rec, err = log.Next(run.From); err == nil && (rec == nil || seq != run.From) {
		err = lost(run.From)
	}
	return seq, rec, err
}

func lost(seq uint64) error { return fmt.Errorf("record %d: %w", seq, errLost) }

// mayMiss is an error if one of the records from up to, and without, to should be there. It is asked when they are not. What it does
// not know is which of the records that came from a backup, or an older format, a checkpoint has dropped.
func (p *part) mayMiss(from, to uint64) error {
	if floor := p.floor.Load(); from < to && to > floor {
		return lost(max(from, floor))
	}
	return nil
}

// Fetch implements store.Part.
func (p *part) Fetch(ctx context.Context, seqs []uint64, fn func(int, []byte) error) error {
	end := p.end.Load()
	log, err := p.store.reader(p.n)
	if err != nil {
		return p.failed("fetch records", err)
	}
	defer log.Close()
	moved := newMoved(p)
	defer moved.free()
	for i, seq := range seqs {
		if seq == 0 {
			continue // no record has that
		}
		if seq >= end {
			return nil
		}
		if i%burstRecords == 0 && ctx.Err() != nil {
			return p.failed("fetch records", ctx.Err())
		}
		rec, err := p.get(log, moved, seq)
		if err == nil && rec == nil {
			err = p.mayMiss(seq, seq+1)
		}
		if err != nil {
			return p.failed("fetch records", p.store.explain(err))
		}
		if rec == nil {
			continue
		}
		if err := fn(i, rec); err != nil {
			return err
		}
	}
	return nil
}

// get returns a record, wherever it is; nil: it is not there.
func (p *part) get(log *segment.Reader, m *moved, seq uint64) (rec []byte, err error) {
	for {
		moves := p.moves.Load()
		if !p.isGone(seq) {
			if rec, err = log.Get(seq); rec != nil || err != nil {
				return rec, err
			}
			if !p.isGone(seq) {
				return nil, lost(seq)
			}
		}
		if seq < p.high.Load() {
			found, rec, err := m.next(seq, seq+1)
			if err != nil || found == seq {
				return rec, err
			}
		}
		if p.moves.Load() == moves {
			return nil, nil
		}
	}
}
