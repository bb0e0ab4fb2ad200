package packet

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// FuzzProperties: the iterator takes a list apart without a gap, each property is encoded as the append functions
// encode its value, none that may be there once comes twice, and an error leaves nothing to go on with.
func FuzzProperties(f *testing.F) {
	for _, s := range samples {
		if s.v == V5 {
			wire := unhex(f, s.wire)
			f.Add(wire[2:], wire[0]>>4)
		}
	}
	for _, list := range []string{
		"23 0000", "23 0001 23 0002", "0b 00", "0b 8000", "0b ffffff7f", "0b ffffffff7f", "26 0000", "26 0001'a' 0001 00", "01 02", "00", "ff",
		"08 0000", "08 0001'#'", "21 0000", "27 00000000", "1f 0001 c0", "09 0002'x'", "11 ffffffff 11 00000000", "15 0000",
	} {
		for _, in := range []Type{0, TypeConnect, TypePublish, TypeSubscribe, TypeAuth} {
			f.Add(unhex(f, list), byte(in))
		}
	}
	f.Fuzz(func(t *testing.T, list []byte, in byte) {
		before := bytes.Clone(list)
		ps := properties{in: 1 << (in & 0x0F), rest: list}
		var again []byte
		seen := make(map[byte]bool)
		for ps.next() {
			r := &rules[ps.id]
			if r.in&ps.in == 0 || seen[ps.id] && r.many&ps.in == 0 {
				t.Fatalf("%s is accepted in packet %d: seen %v", r.name, in&0x0F, seen[ps.id])
			}
			seen[ps.id] = true
			one := appendValue(nil, r.kind, &ps)
			if !bytes.Equal(one, ps.raw) {
				t.Fatalf("%s: % x has the value of % x", r.name, ps.raw, one)
			}
			again = append(again, one...)
		}
		if ps.next() {
			t.Fatal("it goes on after its end")
		}
		if !bytes.HasPrefix(list, again) || ps.err == nil && len(again) != len(list) {
			t.Fatalf("% x was taken apart into % x: %v", list, again, ps.err)
		}
		if !bytes.Equal(before, list) {
			t.Fatal("the list was written to")
		}
		if ps.err != nil {
			wantError(t, ps.err)
		}
	})
}

// appendValue appends the current property of ps, of its value alone.
func appendValue(dst []byte, k kind, ps *properties) []byte {
	switch k {
	case kindFlag:
		return appendProp8(dst, ps.id, byte(ps.num))
	case kindUint16, kindCount16:
		return appendProp16(dst, ps.id, uint16(ps.num))
	case kindUint32, kindCount32:
		return appendProp32(dst, ps.id, ps.num)
	case kindCountVarint:
		return AppendVarint(append(dst, ps.id), int(ps.num))
	case kindPair:
		return AppendBinary(AppendBinary(append(dst, ps.id), ps.data), ps.value)
	}
	return AppendBinary(append(dst, ps.id), ps.data)
}

// FuzzNext: however a stream is cut, the same packets come out of it, and what need says is true.
func FuzzNext(f *testing.F) {
	var stream []byte
	for _, s := range samples {
		f.Add(unhex(f, s.wire), byte(s.v), uint16(1024))
		stream = append(stream, unhex(f, s.wire)...)
	}
	f.Add(stream, byte(V5), uint16(64))
	f.Add([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F}, byte(V5), uint16(1024))
	f.Add([]byte{0x30, 0x80, 0x80, 0x80, 0x80, 0x01}, byte(V311), uint16(1024))
	f.Fuzz(func(t *testing.T, stream []byte, level byte, most uint16) {
		v, limit := V31+Version(level%3), int(most)
		for len(stream) > 0 {
			h, body, n, need, err := NextVersion(stream, limit, v)
			promised := 0
			for cut := range headOf(stream, n) {
				ch, cbody, cn, cneed, cerr := NextVersion(stream[:cut], limit, v)
				switch {
				case cn != 0 || cbody != nil:
					t.Fatalf("%d bytes of a packet of %d: a packet of %d", cut, n, cn)
				case cerr != nil && err == nil:
					t.Fatalf("%d bytes are refused, and %d are not: %v", cut, len(stream), cerr)
				case promised != 0 && cneed != promised:
					t.Fatalf("%d bytes are needed, and then %d", promised, cneed)
				case cneed != 0 && cneed <= cut:
					t.Fatalf("%d bytes are needed where %d are", cneed, cut)
				}
				if promised = cneed; promised != 0 && ch.Type != h.Type {
					t.Fatalf("%v, and then %v", ch.Type, h.Type)
				}
			}
			if err != nil || n == 0 {
				wantError(t, err)
				if need != 0 && need <= len(stream) {
					t.Fatalf("%d bytes are needed where %d are", need, len(stream))
				}
				return
			}
			if promised != n && n > 2 || h.Length != len(body) || limit > 0 && n > limit || cap(body) != len(body) {
				t.Fatalf("%d bytes: %d promised, %d in the body of %d, limit %d", n, promised, len(body), h.Length, limit)
			}
			if size := binary.PutUvarint(make([]byte, 10), uint64(len(body))); n != 1+size+len(body) {
				t.Fatalf("a packet of %d bytes with a body of %d", n, len(body))
			}
			stream = stream[n:]
		}
	})
}

// headOf is the packet of n bytes at the front of a stream; where there is none, or not a whole one, as much as tells so.
func headOf(stream []byte, n int) []byte {
	if n == 0 {
		n = min(len(stream), 64)
	}
	return stream[:n]
}
