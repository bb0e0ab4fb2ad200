package disk

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// encode puts the request in b, and in the drafts of its partitions. An error is that of the whole batch; one of the request
// alone is left in err, and then nothing of it is in b.
func (s *Store) encode(r *request, b *pebble.Batch) error {
	if r.checkpoint != nil {
		return s.encodeCheckpoint(r, b)
	}
	for i := range r.write.Records {
		rec := &r.write.Records[i]
		if err := s.touch(s.parts[rec.Part].Load()).encodeRecord(b, rec); err != nil {
			return err
		}
	}
	for i := range r.write.Retain {
		if err := encodeRetained(b, &r.write.Retain[i]); err != nil {
			return err
		}
	}
	return nil
}

func (p *part) encodeRecord(b *pebble.Batch, rec *store.Record) error {
	rec.Seq = p.draft.next
	p.draft.next++
	op := b.SetDeferred(logKeySize, sealSize+len(rec.Data))
	logKey(op.Key[:0], p.n, rec.Seq)
	seal(op.Value, op.Key, rec.Data)
	return op.Finish()
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
	return put(b, stateKey(p.n), p.draft.encode())
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
