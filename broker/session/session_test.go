package session

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// sink counts what it is told.
type sink struct{ flushes, loads int }

func (s *sink) Flush() { s.flushes++ }

func (s *sink) Load() { s.loads++ }

// wire is what a client reads: the control packets of an outbox.
type wire struct {
	t    testing.TB
	s    *Session
	sink Sink
	v    packet.Version

	aliases map[uint16]string // of this connection
	max     uint16            // of them
	bytes   int               // of the last packets
}

// read empties the outbox and decodes it as lines such as "PUBLISH 1 q1 a=x" and "PUBREL 1".
func (w *wire) read(now int64) []string {
	w.t.Helper()
	var lines []string
	for _, p := range w.packets(now) {
		lines = append(lines, p.String())
	}
	return lines
}

// sent is one decoded packet.
type sent struct {
	kind    packet.Type
	id      uint16
	publish packet.Publish
}

func (p sent) String() string {
	if p.kind != packet.TypePublish {
		return fmt.Sprint(p.kind, " ", p.id)
	}
	line := fmt.Sprintf("PUBLISH %d q%d %s=%.16s", p.id, p.publish.QoS, p.publish.Topic, p.publish.Payload)
	if p.publish.Dup {
		line += " dup"
	}
	if p.publish.Retain {
		line += " retain"
	}
	if p.publish.Alias != 0 {
		line += fmt.Sprint(" alias ", p.publish.Alias)
	}
	if len(p.publish.SubscriptionIDs) > 0 {
		line += fmt.Sprint(" ", p.publish.SubscriptionIDs)
	}
	return line
}

// resolve puts a topic that an alias stands for into p, as "=name".
func (w *wire) resolve(p *packet.Publish) {
	w.t.Helper()
	switch {
	case p.Alias == 0:
	case p.Alias > w.max:
		w.t.Fatalf("topic alias %d, and the client takes %d", p.Alias, w.max)
	case len(p.Topic) > 0:
		w.aliases[p.Alias] = string(p.Topic)
	case w.aliases[p.Alias] == "":
		w.t.Fatalf("topic alias %d stands for nothing", p.Alias)
	default:
		p.Topic = []byte("=" + w.aliases[p.Alias])
	}
}

func (w *wire) packets(now int64) (all []sent) {
	w.t.Helper()
	if !w.s.Begin(w.sink) {
		return nil
	}
	var buf []byte
	for {
		segs, ok := w.s.Take(w.sink, func() time.Time { return time.UnixMilli(now) }, nil)
		if !ok {
			break
		}
		for i := range segs {
			buf = append(buf, segs[i].Bytes...)
			segs[i].Recycle()
		}
	}
	w.bytes = len(buf)
	for len(buf) > 0 {
		h, body, n, _, err := packet.NextVersion(buf, 0, w.v)
		if err != nil || n == 0 {
			w.t.Fatalf("the outbox is not whole packets: %v, %d bytes left", err, len(buf))
		}
		p := sent{kind: h.Type}
		switch h.Type {
		case packet.TypePublish:
			if err := p.publish.Parse(h.Flags, body, w.v); err != nil {
				w.t.Fatal(err)
			}
			p.id = p.publish.PacketID
			w.resolve(&p.publish)
		case packet.TypePubrel, packet.TypePuback:
			var a packet.Ack
			if err := a.Parse(h.Type, body, w.v); err != nil {
				w.t.Fatal(err)
			}
			p.id = a.PacketID
		}
		all = append(all, p)
		buf = buf[n:]
	}
	return all
}

// wide are limits that nothing comes near.
func wide() *Limits {
	return &Limits{MaxInflight: 100, MaxQueued: 100, MaxQueuedBytes: 1 << 20, MaxOutbound: 1 << 20}
}

// attached is a durable session with a connection whose first packet has been read.
func attached(t testing.TB, limits *Limits, a Attachment) (*Session, *wire) {
	t.Helper()
	s := New("c", limits)
	w := &wire{t: t, s: s, v: a.Version}
	w.attach(a)
	return s, w
}

func (w *wire) attach(a Attachment) {
	w.t.Helper()
	if a.Version == 0 {
		a.Version = packet.V5
	}
	w.sink, w.v = &sink{}, a.Version
	w.aliases, w.max = make(map[uint16]string), a.TopicAliasMaximum
	a.Sink = w.sink
	w.s.Attach(a, packet.AppendPingresp(nil))
	w.s.Resume(0)
}

func give(s *Session, payload string, qos byte) Outcome {
	var o Outgoing
	o.Reset(&message.Message{Topic: "a", Payload: []byte(payload), QoS: qos}, false, 0)
	outcome, _ := s.Deliver(&o, &Delivery{QoS: qos})
	return outcome
}

func want(t testing.TB, got []string, lines ...string) {
	t.Helper()
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Errorf("what the client gets (-want +got):\n%s", diff)
	}
}

func TestQoS1Window(t *testing.T) {
	s, w := attached(t, wide(), Attachment{Durable: true, ReceiveMaximum: 2})
	for i, outcome := range []Outcome{Sent, Sent, Queued, Queued} {
		if got := give(s, fmt.Sprint(i), 1); got != outcome {
			t.Errorf("message %d: outcome %d, and not %d", i, got, outcome)
		}
	}
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 1 q1 a=0", "PUBLISH 2 q1 a=1")
	if _, ok := puback(s, 3, 0); ok {
		t.Error("PUBACK of an identifier that is not in flight is accepted")
	}
	if _, ok := puback(s, 2, 0); !ok {
		t.Error("PUBACK is not accepted out of order")
	}
	want(t, w.read(0), "PUBLISH 3 q1 a=2")
	if _, ok := puback(s, 2, 0); ok {
		t.Error("PUBACK is accepted twice")
	}
	puback(s, 1, 0)
	puback(s, 3, 0)
	want(t, w.read(0), "PUBLISH 4 q1 a=3")
}

func TestQoS2(t *testing.T) {
	s, w := attached(t, wide(), Attachment{Durable: true})
	give(s, "x", 2)
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 1 q2 a=x")
	if _, ok := pubcomp(s, 1, 0); ok {
		t.Error("PUBCOMP before PUBREC is accepted")
	}
	if _, ok := puback(s, 1, 0); ok {
		t.Error("PUBACK of a QoS 2 message is accepted")
	}
	for range 2 { // the second is a repetition
		if _, stored, _, ok := pubrec(s, 1, false, 0); stored || !ok {
			t.Errorf("PUBREC: to be stored %v, ok %v", stored, ok)
		}
	}
	if _, ok := pubcomp(s, 1, 0); !ok {
		t.Error("PUBCOMP is not accepted")
	}
	if _, _, _, ok := pubrec(s, 1, false, 0); ok {
		t.Error("PUBREC after PUBCOMP is accepted")
	}
	give(s, "y", 2)
	pubrec(s, 2, true, 0) // refused by the client
	if in, _ := s.Pending(); in != 0 {
		t.Errorf("%d in flight after a refusal", in)
	}
}

// TestReconnect: what was unacknowledged comes again with DUP and its identifier, PUBREL where
// PUBREC has come, and what arrived in between follows. [MQTT-4.4.0-1]
func TestReconnect(t *testing.T) {
	for _, test := range []struct {
		name  string
		after func(*Session) // the new connection is attached
		want  []string
	}{
		{"plain", func(s *Session) {}, []string{
			"PINGRESP 0", "PUBREL 2", "PUBLISH 1 q1 a=one dup", "PUBLISH 4 q1 a=four",
		}},
		{"PUBREC before its message is sent again", func(s *Session) {
			pubrec(s, 3, false, 0)
		}, []string{"PINGRESP 0", "PUBREL 2", "PUBLISH 1 q1 a=one dup", "PUBLISH 4 q1 a=four"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, w := attached(t, wide(), Attachment{Durable: true})
			give(s, "one", 1)
			give(s, "two", 2)
			give(s, "three", 1)
			w.read(0)
			pubrec(s, 2, false, 0)
			puback(s, 3, 0)
			if !s.Detach(w.sink) || s.Detach(w.sink) || s.Online() {
				t.Error("Detach does not detach once")
			}
			if give(s, "zero", 0) != Away || give(s, "four", 1) != Queued {
				t.Error("offline outcomes")
			}
			w.attach(Attachment{Durable: true})
			test.after(s)
			want(t, w.read(0), test.want...)
		})
	}
}

// TestDeliverBetweenAttachAndResume: a message that comes just then must not overtake what is to be
// sent again, nor be sent twice.
func TestDeliverBetweenAttachAndResume(t *testing.T) {
	s, w := attached(t, wide(), Attachment{Durable: true})
	give(s, "old", 1)
	w.read(0)
	s.Detach(w.sink)
	w.sink = &sink{}
	s.Attach(Attachment{Sink: w.sink, Version: packet.V5, Durable: true}, packet.AppendPingresp(nil))
	give(s, "new", 1)
	s.Resume(0)
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 1 q1 a=old dup", "PUBLISH 2 q1 a=new")
}

// TestEarlyPubrec: a client answers what a new connection has not sent again yet; the window and
// what waits behind must not be stuck.
func TestEarlyPubrec(t *testing.T) {
	s, w := attached(t, wide(), Attachment{Durable: true, ReceiveMaximum: 2})
	give(s, "a", 2)
	give(s, "b", 2)
	w.read(0)
	s.Detach(w.sink)
	w.attach(Attachment{Durable: true, ReceiveMaximum: 1})
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 1 q2 a=a dup")
	if _, _, _, ok := pubrec(s, 2, false, 0); !ok {
		t.Fatal("PUBREC is not accepted")
	}
	pubrec(s, 1, false, 0)
	pubcomp(s, 2, 0)
	pubcomp(s, 1, 0)
	if in, queued := s.Pending(); in != 0 || queued != 0 {
		t.Errorf("%d in flight, %d queued", in, queued)
	}
	give(s, "c", 1)
	want(t, w.read(0), "PUBLISH 3 q1 a=c")
}

// TestIdentifierSpan: one message that is never acknowledged must not have its identifier given to
// another, and must come again at a reconnect though the identifiers have run out.
func TestIdentifierSpan(t *testing.T) {
	limits := wide()
	s, w := attached(t, limits, Attachment{Durable: true})
	give(s, "stuck", 1)
	w.read(0)
	for i := 1; i < identifiers; i++ {
		give(s, "x", 1)
		w.read(0)
		if _, ok := puback(s, packetID(uint64(i)), 0); !ok {
			t.Fatalf("message %d is not in flight", i)
		}
	}
	if got := give(s, "next", 1); got != Queued {
		t.Fatalf("the message after %d identifiers has outcome %d", identifiers, got)
	}
	s.Detach(w.sink)
	w.attach(Attachment{Durable: true})
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 1 q1 a=stuck dup")
	puback(s, 1, 0)
	want(t, w.read(0), "PUBLISH 1 q1 a=next")
}

func TestQueueLimits(t *testing.T) {
	for _, test := range []struct {
		name   string
		limits *Limits
		give   []string
		want   []string
		drops  uint64
	}{
		{"oldest goes", &Limits{MaxQueued: 2, MaxQueuedBytes: 100}, []string{"1", "2", "3"}, []string{"2", "3"}, 1},
		{"newest goes", &Limits{MaxQueued: 2, MaxQueuedBytes: 100, Policy: DropNewest}, []string{"1", "2", "3"}, []string{"1", "2"}, 1},
		{"refused", &Limits{MaxQueued: 2, MaxQueuedBytes: 100, Policy: Refuse}, []string{"1", "2", "3"}, []string{"1", "2"}, 1},
		{"oldest go for bytes", &Limits{MaxQueued: 9, MaxQueuedBytes: 6}, []string{"1", "2", "345"}, []string{"2", "345"}, 1},
		{"larger than the queue", &Limits{MaxQueued: 9, MaxQueuedBytes: 6}, []string{"1", "234567"}, nil, 2},
		{"newest goes for bytes", &Limits{MaxQueued: 9, MaxQueuedBytes: 6, Policy: DropNewest}, []string{"1", "23456", "2"}, []string{"1", "2"}, 1},
		{"oldest go for what all hold", &Limits{MaxQueued: 9, MaxQueuedBytes: 99, MaxHeldBytes: 106}, []string{"1", "2", "345"}, []string{"2", "345"}, 1},
		{"newest goes for what all hold", &Limits{MaxQueued: 9, MaxQueuedBytes: 99, MaxHeldBytes: 106, Policy: DropNewest}, []string{"1", "2", "345"}, []string{"1", "2"}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			limits := test.limits
			limits.MaxInflight, limits.MaxOutbound = 100, 1<<20
			limits.Held.Add(1, 100) // others'
			s, w := attached(t, limits, Attachment{Durable: true})
			w.read(0)
			s.Detach(w.sink)
			for _, p := range test.give {
				full := limits.Policy == Refuse && s.Refuses(1+len(p))
				outcome := give(s, p, 1)
				if full != (outcome == Dropped && limits.Policy == Refuse) {
					t.Errorf("message %s: refuses %v, and then outcome %d", p, full, outcome)
				}
			}
			if got := limits.Drops.QueueFull.Load(); got != test.drops {
				t.Errorf("%d drops", got)
			}
			if messages := limits.Held.Messages.Load() - 1; messages != int64(len(test.want)) {
				t.Errorf("%d are held", messages)
			}
			w.attach(Attachment{Durable: true})
			var got []string
			for _, p := range w.packets(0)[1:] {
				got = append(got, string(p.publish.Payload))
			}
			want(t, got, test.want...)
			if n, bytes := limits.Held.Messages.Load(), limits.Held.Bytes.Load(); n != 1 || bytes != 100 {
				t.Errorf("%d of %d bytes are held in the end", n, bytes)
			}
		})
	}
}

// TestEndReleasesHeld: what waited for a session that has ended does not count any more.
func TestEndReleasesHeld(t *testing.T) {
	limits := wide()
	s, w := attached(t, limits, Attachment{Durable: true})
	s.Detach(w.sink)
	for range 3 {
		give(s, "x", 1)
	}
	if n, bytes := limits.Held.Messages.Load(), limits.Held.Bytes.Load(); n != 3 || bytes != 6 {
		t.Errorf("%d of %d bytes are held", n, bytes)
	}
	s.End()
	if n, bytes := limits.Held.Messages.Load(), limits.Held.Bytes.Load(); n != 0 || bytes != 0 {
		t.Errorf("%d of %d bytes are held after the end", n, bytes)
	}
}

// TestRefuses: only what would have to wait is refused, and only by that policy.
func TestRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		policy Policy
		a      Attachment
		away   bool
		again  bool // attached again, and not resumed
		give   int
		want   bool
	}{
		{"room in flight", Refuse, Attachment{Durable: true}, false, false, 0, false},
		{"no room in flight, some in the queue", Refuse, Attachment{Durable: true}, false, false, 2, false},
		{"full", Refuse, Attachment{Durable: true}, false, false, 3, true},
		{"full, another policy", DropNewest, Attachment{Durable: true}, false, false, 3, false},
		{"full, not durable", Refuse, Attachment{}, false, false, 3, true},
		{"away and full", Refuse, Attachment{Durable: true}, true, false, 3, true},
		{"away and not durable", Refuse, Attachment{}, true, false, 3, false},
		{"to be sent again first, no queue", Refuse, Attachment{Durable: true, ReceiveMaximum: 9}, true, true, 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			limits := wide()
			limits.MaxInflight, limits.MaxQueued, limits.Policy = 2, 1, test.policy
			if test.again {
				limits.MaxQueued = 0
			}
			s, w := attached(t, limits, test.a)
			for range test.give {
				give(s, "x", 1)
			}
			if test.away {
				s.Detach(w.sink)
			}
			if test.again {
				test.a.Sink = w.sink
				s.Attach(test.a, nil)
			}
			if got := s.Refuses(2); got != test.want {
				t.Errorf("refuses: %v", got)
			}
		})
	}
}

// TestMaxPacketSize: exactly what fits is sent. [MQTT-3.1.2-24]
func TestMaxPacketSize(t *testing.T) {
	for _, d := range []Delivery{{QoS: 0}, {QoS: 1}, {QoS: 1, SubscriptionIDs: []uint32{1, 200, 268435455}}} {
		var o Outgoing
		m := &message.Message{Topic: "a/b", Payload: []byte("payload"), QoS: 1, Expires: 9000}
		o.Reset(m, true, 0)
		s, w := attached(t, wide(), Attachment{Version: packet.V5})
		w.read(0)
		s.Deliver(&o, &d)
		size, _ := s.Backlog()
		for _, limit := range []int{size - 1, size} {
			limits := wide()
			s, w := attached(t, limits, Attachment{Version: packet.V5, MaxPacketSize: uint32(limit)})
			w.read(0)
			o.Reset(m, true, 0)
			outcome, _ := s.Deliver(&o, &d)
			if fits := limit == size; (outcome == Sent) != fits || (limits.Drops.TooLarge.Load() == 0) != fits {
				t.Errorf("%+v of %d bytes, limit %d: outcome %d, %d drops", d, size, limit, outcome, limits.Drops.TooLarge.Load())
			}
		}
	}
}

func TestExpiry(t *testing.T) {
	limits := wide()
	s, w := attached(t, limits, Attachment{Durable: true})
	w.read(0)
	s.Detach(w.sink)
	for i, expires := range []int64{1000, 0, 5500} {
		var o Outgoing
		o.Reset(&message.Message{Topic: "a", Payload: []byte{byte('0' + i)}, QoS: 1, Expires: expires}, true, 0)
		s.Deliver(&o, &Delivery{QoS: 1})
	}
	w.sink = &sink{}
	s.Attach(Attachment{Sink: w.sink, Version: packet.V5, Durable: true}, packet.AppendPingresp(nil))
	s.Resume(2000)
	all := w.packets(2000)[1:]
	if len(all) != 2 || all[0].publish.HasExpiry || all[1].publish.Expiry != 4 {
		t.Errorf("got %v", all)
	}
	if got := limits.Drops.Expired.Load(); got != 1 {
		t.Errorf("%d drops", got)
	}
}

func TestOutboxFull(t *testing.T) {
	limits := wide()
	limits.MaxOutbound = 4096
	s, w := attached(t, limits, Attachment{Durable: true})
	body := string(make([]byte, 1000))
	for range 10 {
		give(s, body, 0)
	}
	if bytes, _ := s.Backlog(); bytes > 4096+1100 {
		t.Errorf("%d bytes wait", bytes)
	}
	if got := limits.Drops.OutboxFull.Load(); got != 5 {
		t.Errorf("%d drops", got)
	}
	if got := give(s, "kept", 1); got != Queued {
		t.Errorf("QoS 1 has outcome %d", got)
	}
	got := w.read(0)
	if got[len(got)-1] != "PUBLISH 1 q1 a=kept" {
		t.Errorf("QoS 1 does not follow: %v", got)
	}
}

// TestLargePayload is written by reference, and arrives as it was though the caller's buffer changes.
func TestLargePayload(t *testing.T) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for _, size := range []int{0, 1, ByReference - 1, ByReference, 3 * segmentSize} {
			buf := make([]byte, size)
			for i := range buf {
				buf[i] = byte(i)
			}
			var o Outgoing
			o.Reset(&message.Message{Topic: "t", Payload: buf, QoS: 2}, false, 0)
			var all []*wire
			for qos := range byte(3) {
				for range 2 {
					s, w := attached(t, wide(), Attachment{Version: v, Durable: true})
					give(s, "before", 2)
					s.Deliver(&o, &Delivery{QoS: qos})
					give(s, "after", 2)
					all = append(all, w)
				}
			}
			clear(buf)
			for _, w := range all {
				got := w.packets(0)
				if len(got) != 4 || len(got[2].publish.Payload) != size {
					t.Fatalf("version %v, %d bytes: got %v", v, size, got)
				}
				for i, b := range got[2].publish.Payload {
					if b != byte(i) {
						t.Fatalf("version %v, %d bytes: byte %d is %d", v, size, i, b)
					}
				}
			}
		}
	}
}

func TestWake(t *testing.T) {
	s, w := attached(t, wide(), Attachment{})
	w.read(0)
	var o Outgoing
	o.Reset(&message.Message{Topic: "a"}, true, 0)
	if _, first := s.Deliver(&o, &Delivery{}); first != w.sink {
		t.Error("who makes the outbox non-empty is not told to flush")
	}
	if _, second := s.Deliver(&o, &Delivery{}); second != nil {
		t.Error("the second is told to flush as well")
	}
	if !s.Begin(w.sink) || s.Begin(w.sink) {
		t.Error("the right to write is not given once")
	}
	if s.Append(w.sink, []byte{1}) != nil {
		t.Error("told to flush while somebody writes")
	}
	if segs, ok := s.Take(w.sink, time.Now, nil); !ok || len(segs) == 0 {
		t.Error("nothing to take")
	}
	if s.Idle(w.sink) {
		t.Error("idle while somebody writes")
	}
	if _, ok := s.Take(w.sink, time.Now, nil); ok || !s.Idle(w.sink) {
		t.Error("not idle after all is taken")
	}
	if s.Append(&sink{}, []byte{1}) != nil || !s.Idle(w.sink) {
		t.Error("a connection that is not attached can append")
	}
}

func TestReceive(t *testing.T) {
	s := New("c", wide())
	if !s.Receive(1) || s.Receive(1) {
		t.Error("an identifier is fresh once")
	}
	restored := New("c", wide())
	restored.Restore([]uint16{1, 65535}, 0, 0, 0)
	if restored.Receive(1) || restored.Receive(65535) || !restored.Receive(2) {
		t.Error("identifiers are not restored")
	}
	if !s.Release(1) || s.Release(1) || !s.Receive(1) {
		t.Error("an identifier is not freed once")
	}
}

// TestLast: nothing follows the last packet of a connection; what would have is there for the next one.
func TestLast(t *testing.T) {
	s := New("c", &Limits{MaxInflight: 10, MaxQueued: 10, MaxQueuedBytes: 1000, MaxOutbound: 1000})
	w := &wire{t: t, s: s}
	w.attach(Attachment{Durable: true})
	give(s, "before", 1)
	last := packet.Disconnect{Reason: packet.ServerShuttingDown}
	if s.Last(w.sink, last.Append(nil, packet.V5)) == nil && s.Idle(w.sink) {
		t.Error("the last packet is not in the outbox")
	}
	give(s, "lost", 0)
	if got := give(s, "after", 1); got != Queued {
		t.Errorf("a message after the last packet: outcome %d", got)
	}
	s.Append(w.sink, packet.AppendPingresp(nil))
	s.Resume(0)
	got := w.packets(0)
	if n := len(got); n < 2 || got[n-1].kind != packet.TypeDisconnect {
		t.Errorf("%d packets, and then %v", n, got)
	}
	s.Detach(w.sink)
	w.attach(Attachment{Durable: true})
	s.Resume(0)
	var kept []string
	for _, p := range w.packets(0) {
		if p.kind == packet.TypePublish {
			kept = append(kept, string(p.publish.Payload))
		}
	}
	if diff := cmp.Diff([]string{"before", "after"}, kept); diff != "" {
		t.Errorf("on the next connection (-want +got):\n%s", diff)
	}
}
