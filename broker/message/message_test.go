package message

import (
	"bytes"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var samples = []Message{
	{Topic: "a"},
	{Topic: "a/b", Payload: []byte("payload"), QoS: 1},
	{Topic: "ü/€", Payload: make([]byte, 300), Forward: []byte{1, 1}, Publisher: "client", Expires: 1700000000123, QoS: 2, Retain: true},
	{Topic: string(bytes.Repeat([]byte("x"), 65535)), Publisher: "p", Expires: math.MaxInt64},
}

func TestRecordRoundTrip(t *testing.T) {
	for _, m := range samples {
		rec := Append([]byte("before"), &m)[len("before"):]
		var got Message
		if err := Parse(rec, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
		for n := range rec[:len(rec)-len(m.Payload)] {
			if err := Parse(rec[:n], &got); err == nil {
				t.Errorf("the first %d of %d bytes are accepted", n, len(rec))
			}
		}
	}
}

func TestRecordDamaged(t *testing.T) {
	good := Append(nil, &samples[1])
	for _, test := range []struct {
		name string
		at   int
		b    byte
	}{{"version", 0, 2}, {"version 0", 0, 0}, {"QoS 3", 1, 3 << 1}, {"flags", 1, 0x80}, {"topic length", 3, 0x7F}} {
		bad := bytes.Clone(good)
		bad[test.at] = test.b
		if err := Parse(bad, new(Message)); err == nil {
			t.Errorf("%s: accepted", test.name)
		}
	}
	huge := append([]byte{recordVersion, 0, 0}, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01)
	if err := Parse(huge, new(Message)); err == nil {
		t.Error("a length of 2^64-1 is accepted")
	}
}

func FuzzParse(f *testing.F) {
	for i := range samples {
		f.Add(Append(nil, &samples[i]))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, rec []byte) {
		var m, again Message
		if Parse(rec, &m) != nil {
			return
		}
		if err := Parse(Append(nil, &m), &again); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestOwn: the copy lives on when the reader's buffer is used again, and its slices cannot grow into each other.
func TestOwn(t *testing.T) {
	buf := []byte("topicpayloadforward")
	m := Message{Topic: "topic", Payload: buf[5:12], Forward: buf[12:], Publisher: "p", Expires: 5, QoS: 2, Retain: true}
	own := m.Own()
	if diff := cmp.Diff(&m, own); diff != "" {
		t.Error(diff)
	}
	clear(buf)
	if string(own.Payload) != "payload" || string(own.Forward) != "forward" {
		t.Errorf("%q %q are changed with the buffer", own.Payload, own.Forward)
	}
	own.Payload = append(own.Payload, 'x')
	if string(own.Forward) != "forward" {
		t.Errorf("appending to the payload changes the properties: %q", own.Forward)
	}
	if m.Size() != 19 {
		t.Errorf("size %d", m.Size())
	}
}

// Whatever the size, a copy has its own bytes, and most have one allocation.
func TestOwnSizes(t *testing.T) {
	for _, size := range []int{0, 1, 32, 33, 96, 97, 288, 289, 5000} {
		payload, forward := bytes.Repeat([]byte("p"), size-size/3), bytes.Repeat([]byte("f"), size/3)
		m := Message{Topic: "t", Payload: payload, Forward: forward}
		own := m.Own()
		if diff := cmp.Diff(&m, own, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%d bytes: %s", size, diff)
		}
		clear(payload)
		clear(forward)
		if bytes.IndexByte(own.Payload, 0) >= 0 || bytes.IndexByte(own.Forward, 0) >= 0 {
			t.Errorf("%d bytes: changed with the buffer", size)
		}
		if n := testing.AllocsPerRun(100, func() { m.Own() }); size <= 288 && n > 1 {
			t.Errorf("%d bytes: %v allocations", size, n)
		}
	}
}

func TestExpiry(t *testing.T) {
	for _, test := range []struct {
		expires, now int64
		expired      bool
		seconds      uint32
		ok           bool
	}{
		{0, 5, false, 0, false},
		{10_000, 0, false, 10, true},
		{10_000, 1, false, 10, true},
		{10_000, 9_999, false, 1, true},
		{10_000, 10_000, true, 1, true},
		{10_000, 99_999, true, 1, true},
	} {
		m := Message{Expires: test.expires}
		seconds, ok := m.Remaining(test.now)
		if m.Expired(test.now) != test.expired || seconds != test.seconds || ok != test.ok {
			t.Errorf("%+v: %v %d %v", test, m.Expired(test.now), seconds, ok)
		}
	}
}
