package packet

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzDecode: whatever is accepted can be appended, and parses to the same again; whatever
// is refused is an *Error; the input is never written to.
func FuzzDecode(f *testing.F) {
	for _, s := range samples {
		f.Add(unhex(f, s.wire), byte(s.v))
	}
	for _, table := range [][]bad{malformedHeaders, malformedPublishes, malformedAcks, malformedOthers} {
		for _, b := range table {
			f.Add(unhex(f, b.wire), byte(b.v))
		}
	}
	for _, b := range malformedConnects {
		body := unhex(f, b.wire)
		f.Add(append([]byte{0x10, byte(len(body))}, body...), byte(V5))
	}
	f.Fuzz(func(t *testing.T, wire []byte, level byte) {
		v := V31 + Version(level%3)
		before := bytes.Clone(wire)
		h, body, n, need, err := NextVersion(wire, 1<<20, v)
		if err != nil || n == 0 {
			wantError(t, err)
			if n != 0 || need != 0 && need <= len(wire) {
				t.Fatalf("n %d, need %d of %d bytes", n, need, len(wire))
			}
			return
		}
		p, err := parse(h, body, v)
		if !bytes.Equal(before, wire) {
			t.Fatal("parse wrote to its input")
		}
		if err != nil {
			wantError(t, err)
			return
		}
		again := encode(nil, p, v)
		h2, body2, n2, _, err := NextVersion(again, 0, v)
		if err != nil || n2 != len(again) || h2.Type != h.Type {
			t.Fatalf("% x became % x: n %d, err %v", wire[:n], again, n2, err)
		}
		p2, err := parse(h2, body2, v)
		if err != nil {
			t.Fatalf("% x became % x: %v", wire[:n], again, err)
		}
		if d := diff(p, p2); d != "" {
			t.Fatalf("% x became % x:\n%s", wire[:n], again, d)
		}
		if third := encode(nil, p2, v); !bytes.Equal(again, third) {
			t.Fatalf("% x became % x, then % x", wire[:n], again, third)
		}
		checkPublish(t, p, again, v)
	})
}

// checkPublish checks what only a PUBLISH has: its size, and Forward decoded and encoded.
func checkPublish(t *testing.T, packet any, wire []byte, v Version) {
	p, ok := packet.(*Publish)
	if !ok {
		return
	}
	if p.Size(v) != len(wire) {
		t.Fatalf("Size %d, encoded %d", p.Size(v), len(wire))
	}
	props, err := p.Properties()
	if err != nil {
		t.Fatalf("properties of an accepted PUBLISH: %v", err)
	}
	again, err := (&Publish{Forward: AppendForward(nil, &props)}).Properties()
	if err != nil {
		t.Fatalf("properties % x again: %v", p.Forward, err)
	}
	if d := diff(props, again); d != "" {
		t.Fatal(d)
	}
}

func wantError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if err != nil && (!errors.As(err, &e) || e.Clause == "" || e.Detail == "" || !e.Reason.Failed()) {
		t.Fatalf("incomplete error %#v", err)
	}
}
