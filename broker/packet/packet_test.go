package packet

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// decode splits and parses one whole packet.
func decode(t *testing.T, wire []byte, v Version) any {
	t.Helper()
	h, body, n, need, err := NextVersion(wire, 0, v)
	if err != nil || n != len(wire) || need != 0 {
		t.Fatalf("Next(% x) = n %d, need %d, err %v; want n %d", wire, n, need, err, len(wire))
	}
	p, err := parse(h, body, v)
	if err != nil {
		t.Fatalf("parse % x: %v", wire, err)
	}
	return p
}

func TestRoundTrip(t *testing.T) {
	for _, s := range samples {
		t.Run(s.String(), func(t *testing.T) {
			wire := unhex(t, s.wire)
			if d := diff(s.p, decode(t, wire, s.v)); d != "" {
				t.Errorf("decoded (-want +got):\n%s", d)
			}
			prefix := []byte("before")
			got := encode(prefix, s.p, s.v)
			if !bytes.HasPrefix(got, prefix) || !bytes.Equal(got[len(prefix):], wire) {
				t.Errorf("encoded\n got % x\nwant % x", got[len(prefix):], wire)
			}
		})
	}
}

// TestSamplesCoverAllTypes keeps the table honest: each type, in each version that has it.
func TestSamplesCoverAllTypes(t *testing.T) {
	for typ := TypeConnect; typ <= TypeAuth; typ++ {
		for _, five := range []bool{false, true} {
			if typ == TypeAuth && !five {
				continue
			}
			if typ == TypePingreq || typ == TypePingresp {
				continue // the same in all versions
			}
			if !slices.ContainsFunc(samples, func(s sample) bool {
				return Type(unhex(t, s.wire)[0]>>4) == typ && (s.v == V5) == five
			}) {
				t.Errorf("no sample of %v with MQTT 5 %v", typ, five)
			}
		}
	}
}

// TestTruncated cuts every packet's body at every byte: an error, unless what is left
// happens to be a packet.
func TestTruncated(t *testing.T) {
	for _, s := range samples {
		t.Run(s.String(), func(t *testing.T) {
			wire := unhex(t, s.wire)
			h, body, _, _, err := NextVersion(wire, 0, s.v)
			if err != nil {
				t.Fatal(err)
			}
			for n := range body {
				cut := bytes.Clone(body[:n])
				_, err := parse(h, cut, s.v)
				if slices.Contains(s.ok, n) {
					if err != nil {
						t.Errorf("cut at %d: %v, want a valid packet", n, err)
					}
					continue
				}
				var e *Error
				if !errors.As(err, &e) {
					t.Errorf("cut at %d: %v, want an *Error", n, err)
				} else if e.Clause == "" || e.Detail == "" || e.Reason < 0x80 {
					t.Errorf("cut at %d: incomplete %#v", n, e)
				}
			}
		})
	}
}

// TestTrailing adds a byte to every packet that does not end in a list or a payload.
func TestTrailing(t *testing.T) {
	for _, s := range samples {
		h, body, _, _, err := NextVersion(unhex(t, s.wire), 0, s.v)
		if err != nil {
			t.Fatal(err)
		}
		if h.Type == TypePublish || h.Type == TypePingreq || h.Type == TypePingresp {
			continue
		}
		if _, err := parse(h, append(bytes.Clone(body), 0xFF), s.v); err == nil {
			t.Errorf("%v: a byte too many is accepted", s)
		}
	}
}

// TestParseResets parses a packet that has nothing into a struct that had everything.
func TestParseResets(t *testing.T) {
	p := Publish{Dup: true, Retain: true, QoS: 2, PacketID: 7, Alias: 1, HasExpiry: true, SubscriptionIDs: []uint32{1}, Forward: []byte{1, 1}, Payload: []byte("x")}
	if err := p.Parse(0, unhex(t, "0001't' 00"), V5); err != nil {
		t.Fatal(err)
	}
	if d := diff(&Publish{Topic: []byte("t")}, &p); d != "" {
		t.Error(d)
	}
	a := Ack{PacketID: 1, Reason: 0x80, ReasonString: "r", User: users}
	if err := a.Parse(TypePuback, unhex(t, "0002"), V5); err != nil {
		t.Fatal(err)
	}
	if d := diff(&Ack{PacketID: 2}, &a); d != "" {
		t.Error(d)
	}
}

// TestOwnsMemory overwrites the buffer: only a Publish may notice.
func TestOwnsMemory(t *testing.T) {
	for _, s := range samples {
		if _, ok := s.p.(*Publish); ok {
			continue
		}
		wire := unhex(t, s.wire)
		got := decode(t, wire, s.v)
		for i := range wire {
			wire[i] = 0xAA
		}
		if d := diff(s.p, got); d != "" {
			t.Errorf("%v changed with its buffer:\n%s", s, d)
		}
	}
}
