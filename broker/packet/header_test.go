package packet

import (
	"bytes"
	"errors"
	"testing"
)

func TestNext(t *testing.T) {
	long := append(unhex(t, "30 8302 007f"), make([]byte, 257)...) // remaining length 259
	tests := []struct {
		name    string
		buf     []byte
		max     int
		n, need int
		length  int
	}{
		{"empty", nil, 0, 0, 0, 0},
		{"first byte", unhex(t, "30"), 0, 0, 0, 0},
		{"half a length", unhex(t, "30 83"), 0, 0, 0, 0},
		{"three quarters of a length", unhex(t, "30 838080"), 0, 0, 0, 0},
		{"no body yet", unhex(t, "30 05"), 0, 0, 7, 5},
		{"half a body", unhex(t, "30 05 000161"), 0, 0, 7, 5},
		{"whole", unhex(t, "30 03 000161"), 0, 5, 0, 3},
		{"whole at the limit", unhex(t, "30 03 000161"), 5, 5, 0, 3},
		{"whole and more", unhex(t, "30 03 000161 c000"), 0, 5, 0, 3},
		{"long, known size", long[:3], 0, 0, 262, 259},
		{"long", long, 0, 262, 0, 259},
		{"longest", unhex(t, "30 ffffff7f"), MaxSize, 0, MaxSize, 268435455},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h, body, n, need, err := Next(tt.buf, tt.max)
			if err != nil || n != tt.n || need != tt.need || h.Length != tt.length {
				t.Fatalf("got length %d, n %d, need %d, err %v; want %d, %d, %d", h.Length, n, need, err, tt.length, tt.n, tt.need)
			}
			if n == 0 {
				return
			}
			if want := tt.buf[n-tt.length : n]; !bytes.Equal(body, want) || h.Type != TypePublish {
				t.Errorf("got %v % x, want % x", h.Type, body, want)
			}
			if cap(body) != len(body) {
				t.Errorf("body has capacity %d over its length %d: an append would write into the next packet", cap(body), len(body))
			}
		})
	}
}

func TestNextTooLarge(t *testing.T) {
	for _, wire := range []string{"30 03", "30 03 000161", "30 ffffff7f", "c0 7f"} {
		_, _, n, _, err := Next(unhex(t, wire), 4)
		var e *Error
		if !errors.As(err, &e) || e.Reason != PacketTooLarge || n != 0 {
			t.Errorf("%s: n %d, err %v, want PacketTooLarge", wire, n, err)
		}
	}
}

// TestNextVersion31 lets through the DUP that 3.1 has in resent packets.
func TestNextVersion31(t *testing.T) {
	for _, wire := range []string{"6a 02 0001", "8a 06 0001 000161 00", "aa 05 0001 000161"} {
		b := unhex(t, wire)
		if _, _, n, _, err := NextVersion(b, 0, V31); err != nil || n != len(b) {
			t.Errorf("%s in 3.1: n %d, err %v", wire, n, err)
		}
		for _, v := range []Version{0, V311, V5} {
			if _, _, _, _, err := NextVersion(b, 0, v); err == nil {
				t.Errorf("%s in %v: accepted", wire, v)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{V31.String(), "3.1"}, {V311.String(), "3.1.1"}, {V5.String(), "5.0"}, {Version(9).String(), "level 9"},
		{TypeConnect.String(), "CONNECT"}, {TypeUnsuback.String(), "UNSUBACK"}, {TypeAuth.String(), "AUTH"}, {Type(0).String(), "type 0"}, {Type(16).String(), "type 16"},
		{Success.String(), "Success"}, {PacketTooLarge.String(), "Packet too large"}, {WildcardSubscriptionsNotSupported.String(), "Wildcard Subscriptions not supported"},
		{ReasonCode(0x03).String(), "Reason Code 0x3"}, {ReasonCode(0xFF).String(), "Reason Code 0xff"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

// TestReasonsValidIn counts the codes of each packet against the standard's tables.
func TestReasonsValidIn(t *testing.T) {
	want := map[Type]int{
		TypeConnack: 22, TypePuback: 9, TypePubrec: 9, TypePubrel: 2, TypePubcomp: 2,
		TypeSuback: 12, TypeUnsuback: 7, TypeDisconnect: 30, TypeAuth: 3,
	}
	for typ := Type(0); typ < 16; typ++ {
		n := 0
		for r := range 256 {
			if ReasonCode(r).ValidIn(typ) {
				n++
			}
		}
		if n != want[typ] {
			t.Errorf("%v may carry %d reason codes, want %d", typ, n, want[typ])
		}
	}
}
