package session

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// offer offers a message of the log.
func offer(s *Session, ordinal uint64, payload string, qos byte) (flush, load Sink) {
	var o Outgoing
	o.Reset(&message.Message{Topic: "a", Payload: []byte(payload), QoS: qos}, false, 0)
	return s.Offer(&o, ordinal, &Delivery{QoS: qos})
}

// stored is messages of the log, from an ordinal on.
func stored(from uint64, qos byte, payloads ...string) (all []Stored) {
	for i, p := range payloads {
		all = append(all, Stored{Ordinal: from + uint64(i), QoS: qos, Message: &message.Message{Topic: "a", Payload: []byte(p), QoS: qos}})
	}
	return all
}

// logged is a logged session whose connection has loaded what there is: nothing.
func logged(t testing.TB, limits *Limits, a Attachment) (*Session, *wire) {
	t.Helper()
	a.Durable, a.Logged = true, true
	s, w := attached(t, limits, a)
	w.read(0)
	w.load(nil, 0, false)
	return s, w
}

// load does what a loader does.
func (w *wire) load(stored []Stored, next uint64, more bool) {
	w.t.Helper()
	if w.s.Hungry() != w.sink || w.s.Hungry() != nil {
		w.t.Fatal("not one is told to load")
	}
	w.fill(stored, next, more, 0)
}

// fill does what a loader does that has been told to.
func (w *wire) fill(stored []Stored, next uint64, more bool, now int64) {
	w.t.Helper()
	if _, _, _, ok := w.s.Wants(w.sink); !ok {
		w.t.Fatal("nothing is to be loaded")
	}
	w.s.Load(w.sink, stored, next, more, now)
	if _, _, _, ok := w.s.Wants(w.sink); ok != more {
		w.t.Fatalf("to be loaded then: %v", ok)
	}
}

func TestOffer(t *testing.T) {
	s, w := logged(t, wide(), Attachment{ReceiveMaximum: 1})
	for i, test := range []struct{ flush, load bool }{{true, false}, {false, false}, {false, false}} {
		if flush, load := offer(s, uint64(i), fmt.Sprint(i), 2); (flush != nil) != test.flush || (load != nil) != test.load {
			t.Errorf("message %d: flush %v, load %v", i, flush, load)
		}
	}
	if flush, load := offer(s, 4, "4", 1); flush != nil || load != w.sink {
		t.Errorf("not the next: flush %v, load %v", flush, load)
	}
	if flush, load := offer(s, 3, "3", 1); flush != nil || load != nil {
		t.Errorf("the next, while it loads: flush %v, load %v", flush, load)
	}
	want(t, w.read(0), "PUBLISH 1 q2 a=0")
	if ordinal, stored, _, ok := pubrec(s, 1, false, 0); ordinal != 0 || !stored || !ok {
		t.Errorf("PUBREC: %d, to be stored %v, %v", ordinal, stored, ok)
	}
	if _, stored, _, ok := pubrec(s, 1, false, 0); !stored || !ok {
		t.Errorf("PUBREC again: to be stored %v, %v", stored, ok)
	}
	if got := s.Released(); got != nil {
		t.Errorf("%d is released before PUBCOMP", got)
	}
	pubcomp(s, 1, 0)
	want(t, w.read(0), "PUBLISH 2 q2 a=1")
	pubrec(s, 2, true, 0) // refused by the client
	if diff := cmp.Diff([]uint64{0, 1}, s.Released()); diff != "" || s.Released() != nil {
		t.Errorf("released, once:\n%s", diff)
	}
	if s.Detach(w.sink); s.Sent() != 3 {
		t.Errorf("messages from %d on were not sent", s.Sent())
	}
	if flush, load := offer(s, 5, "5", 1); flush != nil || load != nil {
		t.Error("taken though the client is away")
	}
}

// TestReady: no more is taken than may be ready; the rest is loaded when that has become less.
func TestReady(t *testing.T) {
	for _, test := range []struct {
		size  int
		taken uint64
	}{{1, readyMax}, {readyMaxBytes / 4, 4}, {2 * readyMaxBytes, 1}} {
		s, w := logged(t, wide(), Attachment{ReceiveMaximum: 1})
		offer(s, 0, "first", 1)
		w.read(0)
		next := uint64(1)
		for ; s.Sent() == next; next++ {
			if _, load := offer(s, next, string(make([]byte, test.size)), 1); load != nil {
				t.Errorf("%d bytes, message %d: is to be loaded at once", test.size, next)
			}
		}
		if got := s.Sent() - 1; got != test.taken {
			t.Errorf("%d of %d bytes are ready, and not %d", got, test.size, test.taken)
		}
		acked := uint64(0)
		for ; s.Hungry() == nil; acked++ {
			if _, ok := puback(s, packetID(acked), 0); !ok {
				t.Fatalf("message %d is not in flight", acked)
			}
			w.read(0)
		}
		from, messages, bytes, ok := s.Wants(w.sink)
		if _, waiting := s.Pending(); !ok || from != next-1 || messages != readyMax-waiting || bytes <= 0 || bytes > readyMaxBytes {
			t.Errorf("wants %d, %d bytes from %d: %v", messages, bytes, from, ok)
		}
	}
}

// TestReconnectLogged: what was sent comes again from the log, with DUP; what was not, without.
func TestReconnectLogged(t *testing.T) {
	s, w := logged(t, wide(), Attachment{ReceiveMaximum: 2})
	for i, p := range []string{"a", "b", "c"} {
		offer(s, uint64(i), p, 2)
	}
	want(t, w.read(0), "PUBLISH 1 q2 a=a", "PUBLISH 2 q2 a=b")
	pubrec(s, 2, false, 0)
	s.Detach(w.sink)
	stale := w.sink
	w.attach(Attachment{Durable: true, Logged: true, ReceiveMaximum: 3})
	if s.Sent() != 2 {
		t.Errorf("messages from %d on were not sent", s.Sent())
	}
	all := stored(0, 2, "a", "b", "c")
	if s.Load(stale, all, 3, false, 0) != nil {
		t.Error("what a former connection has loaded is taken")
	}
	all[1].Arrived, all[1].Message = true, nil
	w.load(all, 3, false)
	want(t, w.read(0), "PINGRESP 0", "PUBLISH 1 q2 a=a dup", "PUBREL 2", "PUBLISH 3 q2 a=c")
}

// TestRestore: what may have been sent before a restart comes with DUP, also to a client that takes
// fewer now than have arrived.
func TestRestore(t *testing.T) {
	limits := wide()
	s := New("c", limits)
	s.Restore(nil, 5, 7, 0)
	w := &wire{t: t, s: s}
	w.attach(Attachment{Durable: true, Logged: true, ReceiveMaximum: 1})
	all := stored(2, 2, "2", "3", "4", "5", "6", "7")
	all[2].Arrived, all[2].Message = true, nil
	for _, i := range []int{0, 3} { // has expired; the first was certainly sent
		all[i].Message.Expires = 1
	}
	if s.Hungry() != w.sink {
		t.Fatal("nobody is told to load")
	}
	w.fill(all, 8, false, 5)
	want(t, w.read(5), "PINGRESP 0", "PUBLISH 3 q2 a=2 dup")
	pubrec(s, 3, true, 5)
	want(t, w.read(5), "PUBLISH 4 q2 a=3 dup")
	pubrec(s, 4, true, 5)
	want(t, w.read(5), "PUBREL 5")
	pubcomp(s, 5, 5)
	want(t, w.read(5), "PUBLISH 7 q2 a=6 dup")
	pubrec(s, 7, true, 5)
	want(t, w.read(5), "PUBLISH 8 q2 a=7")
	if diff := cmp.Diff([]uint64{2, 3, 4, 5, 6}, s.Released()); diff != "" || limits.Drops.Expired.Load() != 1 {
		t.Errorf("released:\n%s", diff)
	}
}

// TestTooLargeLogged: what the client does not take is done with, offered or loaded.
func TestTooLargeLogged(t *testing.T) {
	limits := wide()
	s, w := logged(t, limits, Attachment{MaxPacketSize: 20})
	large := string(make([]byte, 20))
	offer(s, 0, large, 1)
	if _, load := offer(s, 2, "x", 1); load != w.sink {
		t.Fatal("nobody is told to load")
	}
	w.fill(append(stored(1, 1, large), stored(2, 1, "x")...), 3, false, 0)
	if got := s.Released(); !slices.Equal(got, []uint64{0, 1}) || limits.Drops.TooLarge.Load() != 2 {
		t.Errorf("released %v, %d drops", got, limits.Drops.TooLarge.Load())
	}
	want(t, w.read(0), "PUBLISH 3 q1 a=x")
}

// TestIdentifierSpanLogged: a message that is never acknowledged keeps its identifier.
func TestIdentifierSpanLogged(t *testing.T) {
	s, w := logged(t, wide(), Attachment{})
	for i := range uint64(identifiers) {
		offer(s, i, "x", 1)
		if got := len(w.read(0)); got != 1 {
			t.Fatalf("message %d: %d packets", i, got)
		}
		if i > 0 {
			puback(s, packetID(i), 0)
		}
	}
	offer(s, identifiers, "next", 1)
	want(t, w.read(0))
	puback(s, 1, 0)
	want(t, w.read(0), "PUBLISH 1 q1 a=next")
}

// stress is a partition, a connection's loader and writer, and a client, each in goroutines.
type stress struct {
	t    *testing.T
	s    *Session
	work sync.WaitGroup
	acks chan sent
	all  chan struct{} // closed when all are done

	mu       sync.Mutex // the partition's
	messages []logMessage
	done     int
	total    int
}

// stressSink is one connection.
type stressSink struct {
	*stress
	wake chan struct{}
}

func (c *stressSink) Flush() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *stressSink) Load() { c.work.Go(c.runLoads) }

func (c *stressSink) runLoads() {
	for {
		from, messages, _, ok := c.s.Wants(c)
		if !ok {
			return
		}
		var loaded []Stored
		c.mu.Lock()
		next, more := max(from, uint64(len(c.messages))), false
		for ordinal := from; ordinal < uint64(len(c.messages)); ordinal++ {
			e := &c.messages[ordinal]
			if len(loaded) == messages {
				next, more = ordinal, true
				break
			}
			if !e.done {
				loaded = append(loaded, Stored{Ordinal: ordinal, Message: e.msg, QoS: e.msg.QoS, Arrived: e.arrived})
			}
		}
		c.mu.Unlock()
		wakeUp(c.s.Load(c, loaded, next, more, 0), nil)
	}
}

func wakeUp(flush, load Sink) {
	if flush != nil {
		flush.Flush()
	}
	if load != nil {
		load.Load()
	}
}

func (x *stress) publish() {
	for i := range x.total {
		m := &message.Message{Topic: "a", Payload: strconv.AppendInt(nil, int64(i), 10), QoS: byte(1 + i%2)}
		var o Outgoing
		o.Reset(m, true, 0)
		x.mu.Lock()
		x.messages = append(x.messages, logMessage{msg: m})
		flush, load := x.s.Offer(&o, uint64(i), &Delivery{QoS: 2})
		x.mu.Unlock()
		wakeUp(flush, load)
	}
}

// acknowledge answers what the client has got, and notes what is done.
func (x *stress) acknowledge() {
	for p := range x.acks {
		wakeUp(x.answer(p), x.s.Hungry())
	}
}

// answer notes what an acknowledgement changes before anybody loads again. It is of an identifier that
// is not known if a new connection has not sent that again yet.
func (x *stress) answer(p sent) (flush Sink) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if p.kind == packet.TypePublish && p.publish.QoS == 1 {
		flush, _ = puback(x.s, p.id, 0)
	} else {
		if ordinal, stored, _, ok := pubrec(x.s, p.id, false, 0); ok && stored {
			x.messages[ordinal].arrived = true
		}
		flush, _ = pubcomp(x.s, p.id, 0)
	}
	for _, ordinal := range x.s.Released() {
		if x.messages[ordinal].done {
			x.t.Errorf("ordinal %d is released twice", ordinal)
		}
		x.messages[ordinal].done = true
		if x.done++; x.done == x.total {
			close(x.all)
		}
	}
	return flush
}

// client reads, and comes back over and over.
func (x *stress) client(random *rand.Rand) {
	defer close(x.acks)
	w := &wire{t: x.t, s: x.s, v: packet.V5}
	seen := -1
	for links := 0; ; links++ {
		c := &stressSink{stress: x, wake: make(chan struct{}, 1)}
		w.sink = c
		x.s.Attach(Attachment{Sink: c, Version: packet.V5, Durable: true, Logged: true, ReceiveMaximum: 30}, packet.AppendPingresp(nil))
		wakeUp(c, x.s.Hungry())
		for reads := 1 + random.IntN(60); reads > 0 || links > 200; reads-- {
			select {
			case <-c.wake:
			case <-x.all:
				return
			}
			for _, p := range w.packets(0) {
				if p.kind == packet.TypePublish {
					n, err := strconv.Atoi(string(p.publish.Payload))
					if err != nil || n <= seen && !p.publish.Dup {
						x.t.Errorf("%v comes after %d", p, seen)
					}
					seen = max(seen, n)
				}
				if p.kind == packet.TypePublish || p.kind == packet.TypePubrel {
					x.acks <- p
				}
			}
			wakeUp(nil, x.s.Hungry())
		}
		x.s.Detach(c)
	}
}

// TestStress: whatever happens at the same time, every message is delivered and done with in the end.
// If somebody is never woken, all goroutines are blocked, which synctest reports.
func TestStress(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			limits := wide()
			limits.MaxInflight, limits.MaxOutbound = 1+int(seed)*3, 100+int(seed)*100
			x := &stress{t: t, s: New("c", limits), acks: make(chan sent, 100), all: make(chan struct{}), total: 5000}
			x.work.Go(x.publish)
			x.work.Go(x.acknowledge)
			x.client(rand.New(rand.NewPCG(seed, 5)))
			x.work.Wait()
			if in, queued := x.s.Pending(); in != 0 || queued != 0 {
				t.Errorf("seed %d: %d in flight and %d waiting in the end", seed, in, queued)
			}
		})
	}
}
