package partition

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// sessionVersion begins the encoding of a session in a checkpoint.
const sessionVersion = 1

// Append appends the session as a checkpoint's value. Messages are not in it: they stay in the log,
// which must not be trimmed above the oldest Seq.
func (s *Session) Append(dst []byte) []byte {
	dst = s.append(append(dst, sessionVersion))
	dst = binary.AppendUvarint(dst, uint64(s.Left))
	dst = binary.AppendUvarint(dst, s.Next)
	subs := make([]Subscription, 0, len(s.Subs))
	for _, sub := range s.Subs {
		subs = append(subs, sub)
	}
	dst = appendSubscriptions(dst, subs)
	dst = binary.AppendUvarint(dst, uint64(len(s.Inbound)))
	for id := range s.Inbound {
		dst = binary.AppendUvarint(dst, uint64(id))
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.Entries)))
	for i := range s.Entries {
		e := &s.Entries[i]
		dst = binary.AppendUvarint(dst, e.Ordinal)
		dst = binary.AppendUvarint(dst, e.Seq)
		dst = append(dst, e.QoS|flag(e.Retain, 4)|flag(e.Arrived, 8))
		dst = appendIDs(dst, e.IDs)
	}
	return dst
}

func parseSession(client string, value []byte) (*Session, error) {
	p := &parser{rest: value}
	if p.byte() != sessionVersion {
		p.fail("unknown version")
	}
	s := &Session{Subs: make(map[string]Subscription), Inbound: make(map[uint16]struct{})}
	s.Client = client
	s.parse(p)
	s.Left = int64(p.uint())
	s.Next = p.uint()
	for _, sub := range p.subscriptions() {
		s.Subs[sub.Filter] = sub
	}
	for range p.count(1) {
		s.Inbound[uint16(p.uint())] = struct{}{}
	}
	s.Entries = make([]Entry, p.count(4))
	for i := range s.Entries {
		e := &s.Entries[i]
		e.Ordinal = p.uint()
		e.Seq = p.uint()
		options := p.byte()
		e.QoS, e.Retain, e.Arrived = options&3, options&4 != 0, options&8 != 0
		e.IDs = p.ids()
	}
	if !slices.IsSortedFunc(s.Entries, func(a, b Entry) int { return cmp.Compare(a.Ordinal, b.Ordinal) }) {
		p.fail("entries out of order")
	}
	return s, p.err
}
