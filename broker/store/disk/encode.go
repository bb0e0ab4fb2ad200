package disk

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// A log is trimmed when so many records or about so many bytes of it may go: many small range deletions make Pebble slow.
	trimRecords = 1024
	trimBytes   = 4 << 20
)

// grows says whether the request needs room on the disk.
func (r *request) grows() bool {
	return r.kind == appendRecord || r.kind == checkpoint || r.kind == retain && r.rec != nil
}

// encode puts the request in b, and in the draft of its partition. An error is that of the whole batch; one of the
// request alone is left in err.
func (r *request) encode(b *pebble.Batch) error {
	switch r.kind {
	case appendRecord:
		return r.encodeRecord(b)
	case trim:
		d := &r.part.draft
		d.wanted = max(d.wanted, min(r.seq, d.next))
		return nil
	case checkpoint:
		return r.encodeCheckpoint(b)
	default:
		return put(b, retainedKey(nil, r.key), r.rec)
	}
}

func (r *request) encodeRecord(b *pebble.Batch) error {
	p := r.part
	r.seq = p.draft.next
	p.draft.next++
	p.appended += len(r.rec)
	op := b.SetDeferred(logKeySize, sealSize+len(r.rec))
	logKey(op.Key[:0], p.n, r.seq)
	seal(op.Value, op.Key, r.rec)
	return op.Finish()
}

func (r *request) encodeCheckpoint(b *pebble.Batch) error {
	p := r.part
	if r.seq < p.draft.at || r.seq > p.draft.next {
		r.err = p.failed("write checkpoint", fmt.Errorf("at %d is not in %d to %d", r.seq, p.draft.at, p.draft.next))
		return nil
	}
	p.draft.at = r.seq
	for _, kv := range r.kvs {
		if err := put(b, pairKey(nil, p.n, kv.Key), kv.Value); err != nil {
			return err
		}
	}
	return nil
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

// encodeState trims the log if that is worth it, or now, and puts the state in b if it has changed.
func (p *part) encodeState(b *pebble.Batch, now bool) error {
	to := p.draft.wanted
	if to > p.draft.first && (now || to-p.draft.first >= trimRecords || p.appended >= trimBytes) {
		if err := b.DeleteRange(logKey(nil, p.n, p.draft.first), logKey(nil, p.n, to), nil); err != nil {
			return err
		}
		p.trimmed.Store(to) // before it is: a reader must not miss what goes
		p.draft.first, p.appended = to, 0
		p.store.trims++
	}
	if p.draft.first == p.first && p.draft.at == p.at {
		return nil
	}
	return put(b, stateKey(p.n), p.draft.encode())
}

// settle makes the draft what is durable, or forgets it.
func (p *part) settle(durable bool) {
	p.drafted = false
	if durable {
		p.state = p.draft
		p.publish()
	}
}
