package disk

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// moved reads records of a partition that are in the database, some at a time.
type moved struct {
	part  *part
	burst *burst
	has   store.Range // the burst has all that are in this
	at    int         // position in it
	moves uint64      // part.moves when it was read
}

func newMoved(p *part) *moved { return &moved{part: p} }

func (m *moved) free() {
	if m.burst != nil {
		m.burst.free()
	}
}

// next returns the first record from number from on, before end; noRecord: there is none.
func (m *moved) next(from, end uint64) (seq uint64, rec []byte, err error) {
	for from < end {
		if moves := m.part.moves.Load(); m.burst == nil || from < m.has.From || from >= m.has.To || m.moves != moves {
			m.moves = moves
			if err := m.read(from); err != nil {
				return 0, nil, err
			}
		}
		if m.at > 0 {
			if _, _, before := m.burst.at(m.at - 1); before >= from {
				m.at = 0
			}
		}
		for ; m.at < m.burst.len(); m.at++ {
			if _, rec, seq := m.burst.at(m.at); seq >= end {
				return noRecord, nil, nil
			} else if seq >= from {
				return seq, rec, nil
			}
		}
		from = m.has.To
	}
	return noRecord, nil, nil
}

// read reads the next records from number from on.
func (m *moved) read(from uint64) error {
	if m.burst == nil {
		m.burst = newBurst()
	}
	m.burst.reset()
	m.at = 0
	high := max(m.part.high.Load(), from+1)
	if err := m.part.store.withDB(func(db *pebble.DB) error { return m.part.readBurst(db, from, high, m.burst) }); err != nil {
		return err
	}
	m.has = store.Range{From: from, To: noRecord}
	if m.burst.full() {
		_, _, last := m.burst.at(m.burst.len() - 1)
		m.has.To = last + 1
	}
	return nil
}

// readBurst reads the next records before end that are in the database.
func (p *part) readBurst(db *pebble.DB, from, end uint64, b *burst) (err error) {
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: logKey(nil, p.n, from), UpperBound: logKey(nil, p.n, end)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, iter.Close()) }()
	for iter.First(); iter.Valid() && !b.full(); iter.Next() {
		seq, err := logSeq(iter.Key())
		if err != nil {
			return err
		}
		rec, err := unseal(iter.Key(), iter.Value())
		if err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
		b.add(nil, rec, seq)
	}
	return iter.Error()
}
