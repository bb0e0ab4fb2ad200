package disk

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// encode puts what the request changes in the database in b, and its records in the drafts of their partitions. An error is that of
// the whole batch; one of the request alone is left in err, and then nothing of it is in b.
func (s *Store) encode(r *request, b *pebble.Batch) error {
	if r.checkpoint != nil {
		return s.encodeCheckpoint(r, b)
	}
	for i := range r.write.Records {
		rec := &r.write.Records[i]
		p := s.touch(&s.parts[rec.Part])
		rec.Seq = p.draft.next
		p.draft.next++
		p.records = append(p.records, rec)
	}
	for i := range r.write.Retain {
		if err := encodeRetained(b, &r.write.Retain[i]); err != nil {
			return err
		}
	}
	return nil
}

// frame fills the batch of the log: b, as the pairs, and the records of each partition.
func (s *Store) frame(b *pebble.Batch) error {
	s.batch.Reset()
	if !b.Empty() {
		if err := put(b, appliedKey, binary.BigEndian.AppendUint64(nil, s.number+1)); err != nil {
			return err
		}
		s.batch.Pairs(s.number+1, b.Repr())
	}
	for _, p := range s.touched {
		for _, rec := range p.records {
			s.batch.Record(p.n, rec.Seq, rec.Data)
		}
	}
	return nil
}

func encodeRetained(b *pebble.Batch, r *store.Retained) error {
	size := 1 + len(r.Topic)
	if r.Record == nil {
		op := b.DeleteDeferred(size)
		retainedKey(op.Key[:0], r.Topic)
		return op.Finish()
	}
	op := b.SetDeferred(size, sealSize+expirySize+len(r.Record))
	retainedKey(op.Key[:0], r.Topic)
	sealRetained(op.Value, op.Key, r)
	return op.Finish()
}

func (s *Store) encodeCheckpoint(r *request, b *pebble.Batch) error {
	c := r.checkpoint
	p := s.touch(c.part)
	if c.at < p.draft.at || c.at > p.draft.next {
		r.err = p.failed("write checkpoint", fmt.Errorf("at %d is not in %d to %d", c.at, p.draft.at, p.draft.next))
		return nil
	}
	p.draft.at = c.at
	p.floor.Store(c.at) // before it is: a reader must not miss what goes
	if err := p.encodeDrop(b, c.drop); err != nil {
		return err
	}
	for _, kv := range c.kvs {
		if err := put(b, pairKey(nil, p.n, kv.Key), kv.Value); err != nil {
			return err
		}
	}
	return p.encodeState(b, &p.gone)
}

func (p *part) encodeState(b *pebble.Batch, gone *holes) error {
	return put(b, stateKey(p.n), stored{at: p.draft.at, low: gone.low}.encode())
}

// put sets key to the sealed value, or deletes it if value is nil.
func put(b *pebble.Batch, key, value []byte) error {
	if value == nil {
		return b.Delete(key, nil)
	}
	op := b.SetDeferred(len(key), sealSize+len(value))
	copy(op.Key, key)
	seal(op.Value, key, value)
	return op.Finish()
}
