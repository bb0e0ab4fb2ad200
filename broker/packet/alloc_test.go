package packet

import (
	"bytes"
	"testing"
)

// TestParseAllocates nothing for the packets of the data path.
func TestParseAllocatesNothing(t *testing.T) {
	mixed := "01 00 23 0001 0b 05 03 0001't' 02 00000005" + usersX // Forward is not contiguous: gathered in scratch
	for _, tt := range []struct {
		name, wire string
		v          Version
	}{
		{"PUBLISH", "32 09 0003'a/b' 0001 'hi'", V311},
		{"PUBLISH not ASCII", "30 06 0002 c3a9 'hi'", V311},
		{"PUBLISH plain", "32 0a 0003'a/b' 0001 00 'hi'", V5},
		{"PUBLISH properties", "30 24 0003'a/b' 1e 23 0001" + forwardableX + usersX, V5},
		{"PUBLISH mixed properties", "30 24 0003'a/b' 1e" + mixed, V5},
		{"PUBACK", "40 02 0001", V311},
		{"PUBACK reason", "40 03 0001 10", V5},
		{"PUBREC", "50 02 0001", V5},
		{"PUBREL", "62 02 0001", V5},
		{"PUBCOMP no properties", "70 04 0001 00 00", V5},
		{"PINGREQ", "c0 00", V5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire := unhex(t, tt.wire)
			var p Publish
			var a Ack
			var err error
			var n int
			allocs := testing.AllocsPerRun(100, func() {
				var h Header
				var body []byte
				h, body, n, _, err = NextVersion(wire, 0, tt.v)
				switch {
				case err != nil || h.Type == TypePingreq:
				case h.Type == TypePublish:
					err = p.Parse(h.Flags, body, tt.v)
				default:
					err = a.Parse(h.Type, body, tt.v)
				}
			})
			if err != nil || n != len(wire) {
				t.Fatalf("n %d of %d, err %v", n, len(wire), err)
			}
			if allocs != 0 {
				t.Errorf("%v allocations", allocs)
			}
		})
	}
}

// TestAppendAllocatesNothing if dst has room.
func TestAppendAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 1024)
	for _, s := range samples {
		if allocs := testing.AllocsPerRun(10, func() { encode(dst, s.p, s.v) }); allocs != 0 {
			t.Errorf("%v: %v allocations", s, allocs)
		}
	}
	p := Publish{QoS: 1, Topic: []byte("t"), PacketID: 1, Payload: bytes.Repeat([]byte("p"), 200)}
	if allocs := testing.AllocsPerRun(10, func() {
		AppendPublishHead(dst, &p, V5)
		p.Size(V5)
	}); allocs != 0 {
		t.Errorf("head, size: %v allocations", allocs)
	}
	if allocs := testing.AllocsPerRun(10, func() { AppendForward(dst, &forwardable) }); allocs != 0 {
		t.Errorf("AppendForward: %v allocations", allocs)
	}
}
