package session

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// out is a message on its way.
func out(payload string, qos byte) *Outgoing {
	o := new(Outgoing)
	o.Reset(&message.Message{Topic: "a", Payload: []byte(payload), QoS: qos}, false, 0)
	return o
}

func TestEase(t *testing.T) {
	tight := func() *Limits {
		return &Limits{MaxInflight: 2, MaxQueued: 3, MaxQueuedBytes: 1 << 20, MaxOutbound: 1 << 20}
	}
	durable, logging := Attachment{Durable: true}, Attachment{Durable: true, Logged: true}
	small := Attachment{MaxPacketSize: 12}
	for _, test := range []struct {
		name string
		Attachment
		given   int // QoS 1 messages before
		away    bool
		log     int // messages in the log
		payload string
		qos     byte
		want    Ease
	}{
		{name: "QoS 0", want: AtOnce},
		{name: "QoS 0, away", Attachment: durable, away: true, want: Never},
		{name: "QoS 0 behind a full window", given: 2, want: AtOnce},
		{name: "QoS 1", qos: 1, given: 1, want: AtOnce},
		{name: "window full", qos: 1, given: 2, want: Waits},
		{name: "queue full", qos: 1, given: 5, want: Full},
		{name: "receive maximum", Attachment: Attachment{ReceiveMaximum: 1}, qos: 2, given: 1, want: Waits},
		{name: "too large", Attachment: small, payload: "payload", want: Never},
		{name: "not too large", Attachment: small, want: AtOnce},
		{name: "away", Attachment: durable, away: true, qos: 1, want: Absent},
		{name: "away and full", Attachment: durable, away: true, qos: 1, given: 5, want: Full},
		{name: "ended", away: true, qos: 1, want: Never},
		{name: "logged", Attachment: logging, qos: 1, log: 1, want: AtOnce},
		{name: "logged, window full", Attachment: logging, qos: 1, log: 2, want: Waits},
		{name: "logged, queue full", Attachment: logging, qos: 1, log: 3, want: Full},
		{name: "logged and away", Attachment: logging, away: true, qos: 1, log: 2, want: Absent},
		{name: "logged, QoS 0, away", Attachment: logging, away: true, want: Never},
	} {
		s, w := attached(t, tight(), test.Attachment)
		w.read(0)
		for range test.given {
			give(s, "x", 1)
		}
		if test.away {
			s.Detach(w.sink)
		}
		if got := s.Ease(out(test.payload, test.qos), &Delivery{QoS: 2}, Backlog{Messages: test.log}); got != test.want {
			t.Errorf("%s: %d, and not %d", test.name, got, test.want)
		}
	}
}

func TestRoom(t *testing.T) {
	s, w := attached(t, wide(), Attachment{ReceiveMaximum: 3})
	give(s, "x", 1)
	if got := s.Room(Backlog{}); got != 2 {
		t.Errorf("room for %d", got)
	}
	give(s, "x", 1)
	give(s, "x", 2)
	give(s, "waits", 2)
	if got := s.Room(Backlog{}); got != 0 {
		t.Errorf("room for %d", got)
	}
	if s.Detach(w.sink); s.Room(Backlog{}) != 0 {
		t.Error("room in a client that is away")
	}
	s, _ = logged(t, wide(), Attachment{ReceiveMaximum: 5})
	if got := s.Room(Backlog{Messages: 2}); got != 3 {
		t.Errorf("logged: room for %d", got)
	}
}

// taken is the payloads of messages that were surrendered.
func taken(all []Shared) (payloads []string) {
	for _, m := range all {
		payloads = append(payloads, string(m.Message.Payload))
	}
	return payloads
}

// by is the share of a message; "": none.
func by(share string) *string {
	if share == "" {
		return nil
	}
	return &share // another one each time, as when a group is made anew
}

// mixed is a session with a window of 3 that has these messages by shares 1 and 2 and by none.
func mixed(t *testing.T, durable bool) (*Session, *wire) {
	t.Helper()
	limits := wide()
	limits.MaxInflight = 3
	s, w := attached(t, limits, Attachment{Durable: durable})
	for _, m := range []struct {
		payload string
		qos     byte
		share   string
	}{{"sent 1", 1, "1"}, {"sent 2", 2, "1"}, {"sent own", 1, ""}, {"one", 2, "1"}, {"own", 1, ""}, {"two", 1, "2"}, {"one more", 1, "1"}} {
		s.Deliver(out(m.payload, m.qos), &Delivery{QoS: 2, Share: by(m.share)})
	}
	w.read(0)
	return s, w
}

// surrender has a session surrender the movable messages of a share, at most so many.
func surrender(s *Session, share string, most int) (payloads []string) {
	var ordinals []uint64
	for _, m := range s.Movable(share, 0, most, nil) {
		ordinals = append(ordinals, m.Ordinal)
	}
	return taken(s.Surrender(ordinals))
}

func TestSurrender(t *testing.T) {
	s, w := mixed(t, true)
	if diff := cmp.Diff([]string{"one"}, surrender(s, "1", 1)); diff != "" {
		t.Errorf("one, while connected:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"one more"}, surrender(s, "1", 9)); diff != "" {
		t.Errorf("the rest, while connected:\n%s", diff)
	}
	s.Detach(w.sink)
	if diff := cmp.Diff([]string{"sent 1", "two"}, surrender(s, "", 9)); diff != "" {
		t.Errorf("all, when away:\n%s", diff)
	}
	w.attach(Attachment{Durable: true})
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 2 q2 a=sent 2 dup", "PUBLISH 3 q1 a=sent own dup", "PUBLISH 5 q1 a=own")
	s.Puback(3)
	s.Puback(5)
	if give(s, "next", 1) != Sent || s.limits.Held.Messages.Load() != 0 {
		t.Error("what was surrendered takes room")
	}
}

// TestMovable: what may be given to others is named, and stays until it is surrendered; what has come back meanwhile does not go.
func TestMovable(t *testing.T) {
	s, w := mixed(t, true)
	if diff := cmp.Diff([]string{"one", "one more"}, taken(s.Movable("1", 0, 9, nil))); diff != "" {
		t.Errorf("while connected:\n%s", diff)
	}
	s.Detach(w.sink)
	all := s.Movable("", 0, 9, nil)
	if diff := cmp.Diff([]string{"sent 1", "one", "two", "one more"}, taken(all)); diff != "" {
		t.Errorf("when away:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"two"}, taken(s.Movable("", all[1].Ordinal+1, 1, nil))); diff != "" {
		t.Errorf("from there on:\n%s", diff)
	}
	w.attach(Attachment{Durable: true})
	if got := s.Surrender([]uint64{all[0].Ordinal}); len(got) > 0 {
		t.Errorf("%d surrendered that are in flight", len(got))
	}
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 1 q1 a=sent 1 dup", "PUBLISH 2 q2 a=sent 2 dup", "PUBLISH 3 q1 a=sent own dup")
}

// TestEndLeaves: an ended session leaves its shared messages, also one that does not outlive its connection, and then takes nothing.
func TestEndLeaves(t *testing.T) {
	for _, durable := range []bool{true, false} {
		s, w := mixed(t, durable)
		s.Detach(w.sink)
		if diff := cmp.Diff([]string{"sent 1", "one", "two", "one more"}, taken(s.End())); diff != "" {
			t.Errorf("durable %v:\n%s", durable, diff)
		}
		if got, _ := s.Deliver(out("late", 1), &Delivery{QoS: 1, Share: by("1")}); got != Away {
			t.Errorf("durable %v: a message after the end: %d", durable, got)
		}
		if s.limits.Held.Messages.Load() != 0 {
			t.Errorf("durable %v: %d held", durable, s.limits.Held.Messages.Load())
		}
	}
}

// TestSharesForgotten: what a session's messages came by is remembered as long as it has them.
func TestSharesForgotten(t *testing.T) {
	s, w := attached(t, wide(), Attachment{Durable: true})
	for i := range 1000 {
		s.Deliver(out(strconv.Itoa(i), 1), &Delivery{QoS: 1, Share: by("share " + strconv.Itoa(i))})
		if i%10 > 0 {
			s.Puback(packetID(uint64(i)))
		}
	}
	if n := len(s.shares.filters); n > 250 {
		t.Errorf("%d are remembered", n)
	}
	s.Detach(w.sink)
	for i := 0; i < 1000; i += 10 {
		if diff := cmp.Diff([]string{strconv.Itoa(i)}, surrender(s, "share "+strconv.Itoa(i), 9)); diff != "" {
			t.Fatal(diff)
		}
	}
}

// ordinals of messages that may leave.
func ordinals(stored []Stored) (all []uint64) {
	for _, st := range stored {
		all = append(all, st.Ordinal)
	}
	return all
}

// TestHoldConnected: what has not been sent to a client that is there may leave; it is not sent meanwhile, nor what is behind it.
func TestHoldConnected(t *testing.T) {
	s, w := logged(t, wide(), Attachment{ReceiveMaximum: 2})
	for i := range uint64(4) {
		offer(s, i, string(rune('a'+i)), 1)
	}
	w.read(0)
	kept := s.Hold(stored(0, 1, "a", "b", "c", "d", "e"))
	if diff := cmp.Diff([]uint64{2, 3, 4}, ordinals(kept)); diff != "" {
		t.Error(diff)
	}
	if again := s.Hold(stored(2, 1, "c")); len(again) > 0 {
		t.Errorf("held twice: %v", ordinals(again))
	}
	s.Puback(1)
	want(t, w.read(0))
	flush, load := s.Unhold([]uint64{2, 4}, 0)
	if flush == nil || load != nil {
		t.Errorf("flush %v, load %v", flush, load)
	}
	want(t, w.read(0), "PUBLISH 4 q1 a=d")
	if diff := cmp.Diff([]uint64{0}, s.Released()); diff != "" {
		t.Error(diff)
	}
}

// TestHoldAway: of a client that is away a QoS 1 message that was sent may leave, and a QoS 2 one not. [MQTT-4.8.2-4]
func TestHoldAway(t *testing.T) {
	s, w := logged(t, wide(), Attachment{})
	offer(s, 0, "a", 1)
	offer(s, 1, "b", 2)
	w.read(0)
	s.Detach(w.sink)
	messages := append(stored(0, 1, "a"), stored(1, 2, "b", "c")...)
	if diff := cmp.Diff([]uint64{0, 2}, ordinals(s.Hold(messages))); diff != "" {
		t.Error(diff)
	}
	inflight := func(want int) {
		t.Helper()
		if n, _ := s.Pending(); n != want {
			t.Errorf("%d in flight, and not %d", n, want)
		}
	}
	inflight(2)
	s.Unhold(nil, 0) // nobody has taken it
	inflight(2)
	s.Hold(stored(0, 1, "a"))
	s.Unhold([]uint64{0}, 0)
	inflight(1)
	s.Hold(stored(2, 1, "c"))
	s.Unhold([]uint64{2}, 0) // it was not in flight
	inflight(1)
}

// TestHoldComesBack: what is held is not loaded when the client comes back meanwhile, nor what is behind it; and it does not
// count as in flight when it leaves again.
func TestHoldComesBack(t *testing.T) {
	s, w := logged(t, wide(), Attachment{})
	offer(s, 0, "a", 1)
	offer(s, 1, "b", 2)
	w.read(0)
	s.Detach(w.sink)
	s.Hold(stored(0, 1, "a"))
	// It comes back meanwhile: what is held is not loaded, nor what is behind it.
	w.attach(Attachment{Durable: true, Logged: true})
	w.read(0)
	if s.Hungry() != nil {
		t.Error("what is held is to be loaded")
	}
	if _, load := s.Unhold([]uint64{0}, 0); load == nil {
		t.Error("nothing is to be loaded")
	}
	w.fill(append(stored(1, 2, "b"), stored(2, 1, "c")...), 3, false, 0)
	want(t, w.read(0), "PUBLISH 2 q2 a=b dup", "PUBLISH 3 q1 a=c")
	s.Detach(w.sink)
	s.Hold(stored(2, 1, "c"))
	w.attach(Attachment{Durable: true, Logged: true})
	w.read(0)
	s.Hungry()
	s.Load(w.sink, stored(1, 2, "b", "c"), 3, false, 0)
	s.Detach(w.sink)
	s.Unhold([]uint64{2}, 0)
	if n, _ := s.Pending(); n != 1 {
		t.Errorf("%d in flight", n)
	}
}

// TestHoldWhileLoading: what was looked up before it was given away is not sent.
func TestHoldWhileLoading(t *testing.T) {
	s, w := attached(t, wide(), Attachment{Durable: true, Logged: true, Version: packet.V5})
	w.read(0)
	s.Hungry()
	s.Wants(w.sink)
	if diff := cmp.Diff([]uint64{0}, ordinals(s.Hold(stored(0, 2, "a")))); diff != "" {
		t.Error(diff)
	}
	s.Unhold([]uint64{0}, 0)
	s.Load(w.sink, stored(0, 2, "a", "b"), 2, false, 0)
	want(t, w.read(0))
	w.fill(stored(1, 2, "b"), 2, false, 0)
	want(t, w.read(0), "PUBLISH 2 q2 a=b")
}

// TestHoldNext: loading stops at what is held, and goes on there.
func TestHoldNext(t *testing.T) {
	s, w := attached(t, wide(), Attachment{Durable: true, Logged: true, Version: packet.V5})
	w.read(0)
	s.Hold(stored(1, 2, "b"))
	s.Hungry()
	w.fill(nil, 0, true, 0)
	s.Load(w.sink, stored(0, 1, "a", "b", "c"), 3, false, 0)
	want(t, w.read(0), "PUBLISH 1 q1 a=a")
	if _, _, _, ok := s.Wants(w.sink); ok {
		t.Error("what is held is to be loaded")
	}
	if flush, load := offer(s, 3, "d", 1); flush != nil || load != nil {
		t.Error("what is behind it is sent, or to be loaded")
	}
	if _, load := s.Unhold(nil, 0); load == nil {
		t.Error("nothing is to be loaded")
	}
	w.fill(stored(1, 1, "b", "c", "d"), 4, false, 0)
	want(t, w.read(0), "PUBLISH 2 q1 a=b", "PUBLISH 3 q1 a=c", "PUBLISH 4 q1 a=d")
}
