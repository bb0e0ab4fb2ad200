package inspect

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

func begin(t *testing.T, tracer *Tracer, q admin.TraceQuery) admin.Trace {
	t.Helper()
	trace, err := tracer.Trace(q)
	if err != nil {
		t.Fatal(err)
	}
	return trace
}

// message is a PUBLISH as it is sent.
func message(topic, payload string) []byte {
	p := packet.Publish{Topic: []byte(topic), Payload: []byte(payload)}
	return p.Append(nil, packet.V5)
}

// TestTraceBounds: who does not read misses what there is no room for, and is told how much; and never more than so many
// a second.
func TestTraceBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tracer Tracer
		trace := begin(t, &tracer, admin.TraceQuery{})
		peer := &Peer{Client: "c", Version: packet.V5}
		for range maxWaiting + 50 {
			tracer.Packets(true, peer, message("a", "x"))
		}
		for range maxWaiting {
			if e := <-trace.Events(); e.Missed != 0 {
				t.Fatalf("%+v", e)
			}
		}
		tracer.Packets(true, peer, message("a", "x"))
		if e := <-trace.Events(); e.Missed != 50 {
			t.Errorf("missed %d", e.Missed)
		}
		seen := 0
		for range 3 * eventsPerSecond {
			tracer.Packets(true, peer, message("a", "x"))
			select {
			case <-trace.Events():
				seen++
			default:
			}
		}
		if want := eventsPerSecond - maxWaiting - 1; seen != want {
			t.Errorf("%d events, want %d", seen, want)
		}
		time.Sleep(time.Second)
		tracer.Packets(true, peer, message("a", "x"))
		if e := <-trace.Events(); e.Missed != uint64(3*eventsPerSecond-seen) {
			t.Errorf("missed %d of %d", e.Missed, 3*eventsPerSecond-seen)
		}
		trace.Stop()
		if tracer.On() {
			t.Error("it goes on")
		}
	})
}

// TestTraces: each sees what it asks for, whoever comes and goes; and there are not more than so many.
func TestTraces(t *testing.T) {
	var tracer Tracer
	all, ann, one := begin(t, &tracer, admin.TraceQuery{}), begin(t, &tracer, admin.TraceQuery{User: "ann"}), begin(t, &tracer, admin.TraceQuery{Client: "1", Topic: "a/+"})
	show := func(client, user, topic string) {
		tracer.Packets(false, &Peer{Client: client, User: user, Version: packet.V5}, message(topic, "x"))
	}
	show("1", "ann", "a/b")
	show("1", "bob", "a/b/c")
	show("2", "ann", "a/b")
	for name, want := range map[admin.Trace]int{all: 3, ann: 2, one: 1} {
		if got := len(name.Events()); got != want {
			t.Errorf("%+v: %d events, want %d", name.(*trace).query, got, want)
		}
	}
	ann.Stop()
	show("1", "ann", "a/b")
	if len(all.Events()) != 4 || len(ann.Events()) != 2 || len(one.Events()) != 2 {
		t.Error("after one has ended")
	}
	var others []admin.Trace
	for range maxTraces - 2 {
		others = append(others, begin(t, &tracer, admin.TraceQuery{}))
	}
	if _, err := tracer.Trace(admin.TraceQuery{}); !errors.Is(err, admin.ErrTooMany) {
		t.Error(err)
	}
	for _, x := range append(others, all, one) {
		x.Stop()
	}
	if tracer.On() {
		t.Error("somebody still traces")
	}
	if _, err := tracer.Trace(admin.TraceQuery{Topic: "a#"}); !errors.Is(err, admin.ErrInvalid) {
		t.Error(err)
	}
}

// TestTraceKeepsNothing: an event has copies, since the bytes that it is of are used again.
func TestTraceKeepsNothing(t *testing.T) {
	var tracer Tracer
	trace := begin(t, &tracer, admin.TraceQuery{Payload: true})
	defer trace.Stop()
	data := message("topic", strings.Repeat("p", 2*maxPayload))
	long := strings.Repeat("x", 65535)
	tracer.Packets(true, &Peer{Client: long, User: long, Version: packet.V5}, data)
	clear(data)
	e := <-trace.Events()
	if len(e.Client) > maxText+3 || len(e.User) > maxText+3 {
		t.Errorf("%d bytes of identifier and %d of user name", len(e.Client), len(e.User))
	}
	if e.Topic != "topic" || string(e.Payload) != strings.Repeat("p", maxPayload) {
		t.Errorf("%q %d", e.Topic, len(e.Payload))
	}
}

// FuzzPackets: whatever is traced, nothing breaks.
func FuzzPackets(f *testing.F) {
	f.Add(true, byte(5), message("a/b", "x"))
	f.Add(false, byte(4), append(message("", "x"), 0x90, 3, 0, 1, 2))
	f.Add(true, byte(3), []byte{0x82, 8, 0, 1, 0, 3, 'a', '/', '#', 1, 0xe0, 0})
	f.Fuzz(func(t *testing.T, in bool, version byte, data []byte) {
		var tracer Tracer
		for _, q := range []admin.TraceQuery{{Payload: true}, {Topic: "a/#"}} {
			trace := begin(t, &tracer, q)
			tracer.Packets(in, &Peer{Client: "c", Version: packet.Version(version), Alias: func(uint16) string { return "a" }}, data)
			for range len(trace.Events()) {
				if e := <-trace.Events(); e.Size < 2 || len(e.Payload) > maxPayload {
					t.Errorf("%+v", e)
				}
			}
			trace.Stop()
		}
	})
}
