package partition

import "encoding/binary"

// shares are the shared subscriptions that a queue's messages came by. A reference has the place of its
// own, from 1 on, so that it needs a byte for it, and an ordinary message none. A place is used again
// once no message refers to it.
type shares []share

type share struct {
	filter string // with $share and the share name; "": the place is free
	refs   int    // messages that refer to it
}

// find is the place of a filter; 0: it has none.
func (s shares) find(filter string) (place int) {
	for i := range s {
		if s[i].filter == filter {
			return i + 1
		}
	}
	return 0
}

// add counts a reference to a filter and returns its place; 0 for "".
func (s *shares) add(filter string) (place uint64) {
	if filter == "" {
		return 0
	}
	at := s.find(filter)
	if at == 0 {
		at = s.find("") // one that is free
	}
	if at == 0 {
		*s = append(*s, share{})
		at = len(*s)
	}
	sh := &(*s)[at-1]
	sh.filter = filter
	sh.refs++
	return uint64(at)
}

// release takes a reference to a filter back. "" has none.
func (s *shares) release(filter string) {
	if filter == "" {
		return
	}
	sh := &(*s)[s.find(filter)-1]
	if sh.refs--; sh.refs > 0 {
		return
	}
	*sh = share{}
	n := len(*s)
	for n > 0 && (*s)[n-1].refs == 0 {
		n--
	}
	if *s = (*s)[:n]; n == 0 {
		*s = nil
	}
}

// filter is the one at a place; "" for 0 and for a place that is free.
func (s shares) filter(place uint64) string {
	if place == 0 || place > uint64(len(s)) {
		return ""
	}
	return s[place-1].filter
}

// count is how many messages refer to a filter.
func (s shares) count(filter string) int {
	if at := s.find(filter); at > 0 {
		return s[at-1].refs
	}
	return 0
}

// append encodes the filters; none are nothing, as it was before there were shared subscriptions.
func (s shares) append(dst []byte) []byte {
	if len(s) == 0 {
		return dst
	}
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	for i := range s {
		dst = appendString(dst, s[i].filter)
	}
	return dst
}

// shares decodes filters that nothing refers to yet: that is counted with the references.
func (p *parser) shares() shares {
	if len(p.rest) == 0 {
		return nil
	}
	s := make(shares, p.count(1))
	for i := range s {
		s[i].filter = p.string()
	}
	return s
}
