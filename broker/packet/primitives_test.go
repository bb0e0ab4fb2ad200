package packet

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestVarint(t *testing.T) {
	for _, tt := range []struct {
		n    int
		wire string
	}{
		{0, "00"}, {1, "01"}, {127, "7f"}, {128, "8001"}, {16383, "ff7f"}, {16384, "808001"},
		{2097151, "ffff7f"}, {2097152, "80808001"}, {268435455, "ffffff7f"},
	} {
		wire := unhex(t, tt.wire)
		if got := AppendVarint(nil, tt.n); !bytes.Equal(got, wire) || sizeVarint(tt.n) != len(wire) {
			t.Errorf("%d: encoded % x, size %d, want % x", tt.n, got, sizeVarint(tt.n), wire)
		}
		for i := range wire {
			if _, k, err := varint(wire[:i]); k != 0 || err != nil {
				t.Errorf("%d: % x: size %d, err %v, want incomplete", tt.n, wire[:i], k, err)
			}
		}
		if n, k, err := varint(append(wire, 0xFF)); n != tt.n || k != len(wire) || err != nil {
			t.Errorf("% x: decoded %d, size %d, err %v, want %d", wire, n, k, err, tt.n)
		}
	}
	for _, n := range []int{-1, maxVarint + 1} {
		if got, _, err := varint(AppendVarint(nil, n)); err != nil || got != min(max(n, 0), maxVarint) {
			t.Errorf("%d: written as %d, err %v", n, got, err)
		}
	}
	for _, wire := range []string{"8000", "808000", "80808000", "80808080", "ffffffff"} {
		if _, _, err := varint(unhex(t, wire)); err == nil {
			t.Errorf("%s: accepted", wire)
		}
	}
}

func TestCheckUTF8(t *testing.T) {
	for _, tt := range []struct {
		b    string
		want bool
	}{
		{"", true}, {"abc", true}, {"é€😀", true}, {"\ufeffabc", true}, // [MQTT-1.5.4-3]
		{"\x00", false}, {"ab\x00c", false}, {"\xff", false}, {"\xc0\x80", false}, {"\xe0\x80\x80", false},
		{"\xed\xa0\x80", false}, {"\xed\xbf\xbf", false}, {"\xf4\x90\x80\x80", false}, {"abc\xe2\x82", false},
	} {
		if got := checkUTF8([]byte(tt.b), "it") == nil; got != tt.want {
			t.Errorf("checkUTF8(%q) == nil is %v", tt.b, got)
		}
	}
}

func TestAppendStringCuts(t *testing.T) {
	for _, tt := range []struct {
		s    string
		want int
	}{
		{strings.Repeat("a", 65535), 65535},
		{strings.Repeat("a", 65536), 65535},
		{strings.Repeat("a", 65534) + "é", 65534},
		{strings.Repeat("a", 65532) + "😀", 65532},
	} {
		b := AppendString([]byte("x"), tt.s)[1:]
		if n := int(binary.BigEndian.Uint16(b)); n != tt.want || len(b) != 2+n || !utf8.Valid(b[2:]) {
			t.Errorf("%d bytes were written as %d of %d, want %d", len(tt.s), n, len(b)-2, tt.want)
		}
	}
	if b := AppendBinary(nil, make([]byte, 70000)); len(b) != 65537 || b[0] != 0xFF || b[1] != 0xFF {
		t.Errorf("70000 bytes were written as %d", len(b))
	}
}

// TestEndPacket crosses each width of the length, in front of bytes that must not move.
func TestEndPacket(t *testing.T) {
	for _, n := range []int{0, 1, 127, 128, 16383, 16384, 2097151, 2097152} {
		dst, start := beginPacket([]byte("before"), TypeSuback, 0)
		for i := range n {
			dst = append(dst, byte(i))
		}
		dst = endPacket(dst, start)
		h, body, size, _, err := Next(dst[6:], 0)
		if err != nil || string(dst[:6]) != "before" || size != len(dst)-6 || h.Length != n {
			t.Fatalf("%d: size %d of %d, length %d, err %v", n, size, len(dst)-6, h.Length, err)
		}
		for i, b := range body {
			if b != byte(i) {
				t.Fatalf("%d: byte %d is %d", n, i, b)
			}
		}
	}
}

// TestEndPacketTooLong takes back what has no encoding.
func TestEndPacketTooLong(t *testing.T) {
	dst := make([]byte, 1+2+maxVarint+1) // never touched, so never in memory
	if got := endPacket(dst, 1); len(got) != 1 {
		t.Errorf("%d bytes are left", len(got))
	}
}

// TestTopicClean puts each excluded byte at each place of names of each length.
func TestTopicClean(t *testing.T) {
	for n := range 40 {
		b := bytes.Repeat([]byte("a"), n)
		if !topicClean(b) {
			t.Fatalf("%q is not clean", b)
		}
		for i := range b {
			for _, c := range []byte{0, '+', '#', 0x80, 0xFF} {
				if b[i] = c; topicClean(b) {
					t.Errorf("%q is clean", b)
				}
			}
			for _, c := range []byte{1, '*', ',', '"', '$', 0x7F, 'a'} {
				if b[i] = c; !topicClean(b) {
					t.Errorf("%q is not clean", b)
				}
			}
		}
	}
}

func FuzzTopicClean(f *testing.F) {
	for _, s := range []string{"", "a", "abcdefgh", "abcdefg+", "abc\x00defgh", "#bcdefgh", "abcdefgh\x80", "\x01\x00abcdefg", "$*\"!,()'"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := true
		for _, c := range b {
			want = want && c != 0 && c < 0x80 && c != '+' && c != '#'
		}
		if got := topicClean(b); got != want {
			t.Errorf("topicClean(%q) = %v", b, got)
		}
	})
}
