package partition

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// A checkpoint has, for each session, a pair of its client identifier and what is not its queue, and
// a pair for each chunk of the queue: the client identifier, a zero byte, which no client identifier
// has [MQTT-1.5.4-2], and the chunk's first ordinal (8 bytes, big-endian).

// sessionVersion begins the encoding of a session, chunkVersion that of a chunk.
const (
	sessionVersion = 1
	chunkVersion   = 1
)

// Checkpoint is what has changed since the last one: pairs to write, what they stand for (all
// records below at), and the records that nobody needs from then on.
func (st *State) Checkpoint() (kvs []store.KV, at uint64, drop []store.Range) {
	for _, key := range st.ended {
		kvs = append(kvs, store.KV{Key: key})
	}
	st.ended = nil
	for _, s := range st.dirty {
		if st.sessions[s.Client] != s {
			continue // it has ended
		}
		s.dirty, s.saved = false, true
		kvs = append(kvs, store.KV{Key: s.Client, Value: s.append(nil)})
		if s.waiting == nothing {
			continue
		}
		if kvs = s.queue.checkpoint(s.Client, kvs); s.Left != 0 {
			s.rest()
		}
	}
	st.dirty = nil
	return kvs, st.next, st.bodies.advance(st.next)
}

// checkpoint appends the pairs of the chunks that have changed.
func (q *queue) checkpoint(client string, kvs []store.KV) []store.KV {
	for _, first := range q.gone {
		kvs = append(kvs, store.KV{Key: chunkKey(client, first)})
	}
	q.gone = nil
	for _, c := range q.chunks {
		if !c.dirty || c.n == 0 {
			continue
		}
		c.dirty, c.saved = false, true
		kvs = append(kvs, store.KV{Key: chunkKey(client, c.first), Value: c.append(nil)})
	}
	return kvs
}

// keys are those of the pairs that a checkpoint has, or may have, of s.
func (s *Session) keys() []string {
	if !s.saved {
		return nil
	}
	keys := []string{s.Client}
	for _, first := range s.queue.gone {
		keys = append(keys, chunkKey(s.Client, first))
	}
	for _, c := range s.queue.chunks {
		if c.saved {
			keys = append(keys, chunkKey(s.Client, c.first))
		}
	}
	return keys
}

func chunkKey(client string, first uint64) string {
	return client + "\x00" + string(binary.BigEndian.AppendUint64(nil, first))
}

func (s *Session) append(dst []byte) []byte {
	dst = s.Attach.append(append(dst, sessionVersion))
	dst = binary.AppendUvarint(dst, uint64(s.Left))
	dst = binary.AppendUvarint(dst, s.Sent)
	dst = binary.AppendUvarint(dst, s.next)
	dst = appendSubscriptions(dst, s.Subs)
	dst = binary.AppendUvarint(dst, uint64(len(s.Inbound)))
	for _, id := range s.Inbound {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.arrived)))
	for _, ordinal := range s.arrived {
		dst = binary.AppendUvarint(dst, ordinal)
	}
	return s.queue.shares.append(dst)
}

func parseSession(client string, value []byte) (*Session, error) {
	p := &parser{rest: value}
	if p.byte() != sessionVersion {
		p.fail("unknown version")
	}
	s := &Session{saved: true, waiting: nothing}
	s.Client = client
	s.parse(p)
	s.Left = int64(p.uint())
	s.Sent = p.uint()
	s.next = p.uint()
	for _, sub := range p.subscriptions() {
		s.subscribe(sub)
	}
	for range p.count(1) {
		s.wait()
		s.Inbound = insert(s.Inbound, uint16(p.uint()))
	}
	if n := p.count(1); n > 0 {
		s.wait()
		for range n {
			s.arrived = insert(s.arrived, p.uint())
		}
	}
	if n := len(s.arrived); n > 0 && s.arrived[n-1] >= s.next {
		p.fail("what is not there has arrived")
	}
	if shares := p.shares(); len(shares) > 0 {
		s.wait()
		s.queue.shares = shares
	}
	if len(p.rest) > 0 {
		p.fail("it has more than it says")
	}
	return s, p.err
}

func (c *chunk) append(dst []byte) []byte {
	dst = append(dst, chunkVersion)
	dst = binary.AppendUvarint(dst, uint64(c.n))
	dst = binary.AppendUvarint(dst, c.base)
	for _, word := range c.done {
		dst = binary.BigEndian.AppendUint64(dst, word)
	}
	return append(dst, c.refs...)
}

// parseChunk decodes a chunk of a queue with these shares and calls fn for each reference that is not done.
func parseChunk(first uint64, value []byte, shares shares, fn func(r *Ref)) (*chunk, error) {
	p := &parser{rest: value}
	if p.byte() != chunkVersion {
		p.fail("unknown version")
	}
	c := &chunk{first: first, saved: true}
	n := p.uint()
	if n == 0 || n > chunkRefs {
		p.fail("bad count")
		return nil, p.err
	}
	c.n = int(n)
	c.base = p.uint()
	if len(p.rest) < 8*len(c.done) {
		p.fail("it ends early")
		return nil, p.err
	}
	for i := range c.done {
		c.done[i] = binary.BigEndian.Uint64(p.rest[8*i:])
	}
	p.rest = p.rest[8*len(c.done):]
	c.refs = slices.Clone(p.rest)
	c.at = chunkCursor{seq: c.base}
	c.last = c.base
	for i := range c.n {
		var r Ref
		share := p.ref(&r, c.last)
		r.Ordinal = first + uint64(i)
		c.last = r.Seq
		if c.isDone(i) {
			continue
		}
		if r.Share = shares.filter(share); (r.Share == "") != (share == 0) {
			p.fail("bad share")
		}
		if p.err == nil {
			c.left++
			fn(&r)
		}
	}
	for i := c.n; i < chunkRefs; i++ {
		if c.isDone(i) {
			p.fail("done is what is not there")
		}
	}
	if len(p.rest) > 0 || c.left == 0 {
		p.fail("it has more than it says, or nothing")
	}
	return c, p.err
}

// Load adds a pair of the checkpoint. They come in the order of their keys.
func (st *State) Load(key string, value []byte) error {
	client, first, isChunk := strings.Cut(key, "\x00")
	if !isChunk {
		s, err := parseSession(client, value)
		if err != nil {
			return fmt.Errorf("session %q in the checkpoint: %w", client, err)
		}
		st.sessions[client] = s
		return nil
	}
	s := st.sessions[client]
	if s == nil || len(first) != 8 {
		return fmt.Errorf("queue %q in the checkpoint: it belongs to no session", key)
	}
	s.wait()
	c, err := parseChunk(binary.BigEndian.Uint64([]byte(first)), value, s.queue.shares, func(r *Ref) { st.loadRef(s, r) })
	tail := s.queue.tail()
	if err == nil && (tail != nil && c.first < tail.first+uint64(tail.n) || c.first > s.next || uint64(c.n) > s.next-c.first) {
		err = fmt.Errorf("damaged record: ordinals from %d are out of order", c.first)
	}
	if err != nil {
		return fmt.Errorf("queue of session %q in the checkpoint: %w", client, err)
	}
	s.queue.chunks = append(s.queue.chunks, c)
	return nil
}

func (st *State) loadRef(s *Session, r *Ref) {
	s.queue.count++
	s.queue.bytes += int64(r.Size)
	s.queue.shares.add(r.Share)
	if r.Expires != 0 && (s.soonest == 0 || r.Expires < s.soonest) {
		s.soonest = r.Expires
	}
	if !s.hasArrived(r.Ordinal) {
		st.bodies.add(r.Seq)
	}
}
