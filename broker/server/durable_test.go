package server_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// faulty is a store whose writes can be made to fail.
type faulty struct {
	store.Store
	mode atomic.Int32

	mu    sync.Mutex
	stuck []*store.Write
}

// works lets it work again, if it is stuck.
func (f *faulty) works() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode.Store(works)
	for _, w := range f.stuck {
		f.Store.Write(w)
	}
	f.stuck = nil
}

// fail lets it work again, and has what is stuck fail.
func (f *faulty) fail(why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mode.Store(works)
	for _, w := range f.stuck {
		if w.Done != nil {
			go w.Done(why)
		}
	}
	f.stuck = nil
}

// What becomes of a write.
const (
	works    int32 = iota
	refused        // it is not there
	unproven       // it is there, and the caller is told of an error
	full           // it is not there unless it frees room, as the caller is told
	stuck          // it is not there before it works again
)

var errBroken = errors.New("the disk is broken")

func (f *faulty) Write(w *store.Write) {
	f.mu.Lock()
	defer f.mu.Unlock()
	mode := f.mode.Load()
	switch {
	case mode == stuck:
		f.stuck = append(f.stuck, w)
	case mode == refused, mode == full && !w.Frees:
		why := errBroken
		if mode == full {
			why = fmt.Errorf("write: %w", store.ErrFull)
		}
		if w.Done != nil {
			go w.Done(why) // the store calls back when it likes
		}
	case mode == unproven:
		done := w.Done
		w.Done = func(error) {
			if done != nil {
				done(errBroken)
			}
		}
		f.Store.Write(w)
	default:
		f.Store.Write(w)
	}
}

func (f *faulty) Health() error {
	if f.mode.Load() != works {
		return errBroken
	}
	return f.Store.Health()
}

// durable is a configuration with a store.
func durable(t testing.TB) config.Config {
	cfg := open(t)
	cfg.Store.Dir = t.TempDir()
	return cfg
}

func startFaulty(t *testing.T, cfg config.Config) (*broker, *faulty) {
	t.Helper()
	f := &faulty{}
	b := startWith(t, cfg, server.Deps{}, func(s *server.Server) {
		s.WrapStore(func(opened store.Store) store.Store { f.Store = opened; return f })
	})
	return b, f
}

// away leaves a session with a subscription behind.
func away(t *testing.T, b *broker, id string, v packet.Version, filters ...packet.Filter) {
	t.Helper()
	c, _ := resume(t, b, id, v)
	c.Subscribe(filters...)
	c.Disconnect(packet.Disconnect{})
}

// TestStoreFails: who needs the store is told that it cannot write, nobody else notices, and all is
// well again when it can.
func TestStoreFails(t *testing.T) {
	for _, mode := range []int32{refused, unproven} {
		t.Run(fmt.Sprint("mode ", mode), func(t *testing.T) {
			b, f := startFaulty(t, durable(t))
			away(t, b, "away", packet.V5, filter("a", 2))
			live := b.connect("live", true, packet.V5)
			live.Subscribe(filter("#", 1))
			pub := b.connect("pub", true, packet.V5)
			f.mode.Store(mode)
			for qos := byte(1); qos <= 2; qos++ {
				if got := pub.Publish(text("a", "refused", qos)); got != packet.QuotaExceeded {
					t.Errorf("QoS %d while the store fails: %v", qos, got)
				}
				live.Take("a", "refused")
			}
			if got := pub.Publish(text("b", "clean", 2)); got != packet.Success {
				t.Errorf("traffic that nobody stores: %v", got)
			}
			pub.Say("a", "zero", 0)
			live.Take("b", "clean")
			live.Take("a", "zero")
			f.mode.Store(works)
			for qos := byte(1); qos <= 2; qos++ {
				if got := pub.Publish(text("a", fmt.Sprint("kept ", qos), qos)); got != packet.Success {
					t.Errorf("QoS %d when the store works again: %v", qos, got)
				}
			}
			c, present := resume(t, b, "away", packet.V5)
			if !present {
				t.Error("the session is gone")
			}
			want := []string{"kept 1", "kept 2", "last"}
			if mode == unproven { // an error means that the outcome is unknown
				want = append([]string{"refused", "refused"}, want...)
			}
			pub.Say("a", "last", 1)
			takeAll(t, c, want...)
		})
	}
}

// TestStoreFailsUnanswered: a 3.1.1 client gets no acknowledgement; its connection is closed, so that it
// sends again. [MQTT-4.8.0-2]
func TestStoreFailsUnanswered(t *testing.T) {
	b, f := startFaulty(t, durable(t))
	away(t, b, "away", packet.V311, filter("a", 2))
	f.mode.Store(refused)
	for qos := byte(1); qos <= 2; qos++ {
		pub := b.connect("pub", true, packet.V311)
		pub.SendPublish(text("a", "refused", qos))
		pub.ExpectEnd()
	}
	f.mode.Store(works)
	b.connect("pub", true, packet.V311).Say("a", "kept", 2)
	c, _ := resume(t, b, "away", packet.V311)
	c.Take("a", "kept")
}

// TestAtomicPublish: a publish that fails leaves nothing behind, not even that its packet identifier
// is taken or a retained message.
func TestAtomicPublish(t *testing.T) {
	cfg := durable(t)
	b, f := startFaulty(t, cfg)
	for i := range 10 {
		away(t, b, fmt.Sprint("away ", i), packet.V5, filter("a", 2))
	}
	pub, _ := resume(t, b, "pub", packet.V5)
	f.mode.Store(full)
	p := text("a", "refused", 2)
	p.Retain, p.PacketID = true, 7
	pub.Send(p.Append(nil, packet.V5))
	if got := pub.ExpectAck(packet.TypePubrec, 7); got.Reason != packet.QuotaExceeded {
		t.Errorf("PUBREC: %v", got.Reason)
	}
	f.mode.Store(works)
	b.stop()
	b = start(t, cfg)
	pub, _ = resume(t, b, "pub", packet.V5)
	p = text("a", "again", 2)
	p.PacketID = 7
	pub.Send(p.Append(nil, packet.V5))
	pub.ExpectAck(packet.TypePubrec, 7)
	for i := range 10 {
		c, _ := resume(t, b, fmt.Sprint("away ", i), packet.V5)
		c.Take("a", "again")
	}
}

// TestQueuePolicy: what waits in the log is bounded as what waits in memory is.
func TestQueuePolicy(t *testing.T) {
	for _, test := range []struct {
		policy  config.QueuePolicy
		reasons string // of ten publishes into a queue of four
		want    []int
	}{
		{config.DropOldest, "..........", []int{6, 7, 8, 9}},
		{config.DropNewest, "..........", []int{0, 1, 2, 3}},
		{config.Refuse, "....RRRRRR", []int{0, 1, 2, 3}},
	} {
		for _, kind := range []string{"memory", "disk"} {
			t.Run(string(test.policy)+" "+kind, func(t *testing.T) {
				cfg := open(t)
				if kind == "disk" {
					cfg = durable(t)
				}
				cfg.MQTT.QueuePolicy, cfg.MQTT.MaxQueuedMessages = test.policy, 4
				b := start(t, cfg)
				away(t, b, "away", packet.V5, filter("a", 1))
				live := b.connect("live", true, packet.V5)
				live.Subscribe(filter("a", 0))
				pub := b.connect("pub", true, packet.V5)
				var reasons strings.Builder
				for i := range 10 {
					reason := pub.Publish(text("a", fmt.Sprint(i), 1))
					if reasons.WriteByte('.'); reason == packet.QuotaExceeded {
						s := reasons.String()
						reasons.Reset()
						reasons.WriteString(s[:len(s)-1] + "R")
						continue
					}
					live.Take("a", fmt.Sprint(i))
				}
				if reasons.String() != test.reasons {
					t.Errorf("reasons %s, want %s", reasons.String(), test.reasons)
				}
				c, _ := resume(t, b, "away", packet.V5)
				for _, i := range test.want {
					c.Take("a", fmt.Sprint(i))
				}
				last(c, b, "a")
			})
		}
	}
}

// TestQueueTotal: all queues together have a bound too, in memory and on disk; what is taken makes room.
func TestQueueTotal(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		cfg := open(t)
		cfg.Store.Dir = dir
		cfg.MQTT.QueuePolicy, cfg.MQTT.MaxQueuedBytesTotal = config.Refuse, 1024
		b := start(t, cfg)
		for i := range 4 {
			away(t, b, fmt.Sprint("away ", i), packet.V5, filter(fmt.Sprint(i), 1))
		}
		pub := b.connect("pub", true, packet.V5)
		publish := func() (kept int) {
			for i := range 40 {
				m := text(fmt.Sprint(i%4), strings.Repeat("x", 99), 1) // 100 bytes with its topic
				if pub.Publish(m) == packet.Success {
					kept++
				}
			}
			return kept
		}
		if kept := publish(); kept != 10 {
			t.Errorf("%d messages of 100 bytes are kept, in 1024 bytes", kept)
		}
		b.connect("away 0", true, packet.V5) // ends the session, and the three messages in its queue
		c, _ := resume(t, b, "away 1", packet.V5)
		for range 3 {
			c.Accept(c.Expect(packet.TypePublish).Publish)
		}
		c.Disconnect(packet.Disconnect{})
		c, _ = resume(t, b, "away 1", packet.V5) // the acknowledgements have arrived
		c.Disconnect(packet.Disconnect{})
		if kept := publish(); kept != 6 { // nobody is there for topic 0
			t.Errorf("%d messages are kept when there is room for six", kept)
		}
		b.stop()
	}
}

// TestQueueExpires: what has expired makes room for what has not.
func TestQueueExpires(t *testing.T) {
	cfg := durable(t)
	cfg.MQTT.QueuePolicy, cfg.MQTT.MaxQueuedMessages = config.Refuse, 3
	clock := new(clock)
	b := startAt(t, cfg, clock)
	away(t, b, "away", packet.V5, filter("a", 1))
	pub := b.connect("pub", true, packet.V5)
	for i := range 3 {
		p := text("a", fmt.Sprint("old ", i), 1)
		p.Expiry, p.HasExpiry = 10, i != 1
		pub.Publish(p)
	}
	if got := pub.Publish(text("a", "no", 1)); got != packet.QuotaExceeded {
		t.Errorf("the queue is full: %v", got)
	}
	clock.advance(11)
	for _, m := range []string{"new 1", "new 2"} {
		if got := pub.Publish(text("a", m, 1)); got != packet.Success {
			t.Errorf("two have expired: %v", got)
		}
	}
	c, _ := resume(t, b, "away", packet.V5)
	c.Take("a", "old 1")
	c.Take("a", "new 1")
	c.Take("a", "new 2")
	last(c, b, "a")
}

// TestLongQueue: a queue much longer than what a session holds comes in order, with both QoS, also
// when the client comes and goes, the broker is started again, and more is published meanwhile.
func TestLongQueue(t *testing.T) {
	cfg := durable(t)
	b := start(t, cfg)
	away(t, b, "away", packet.V5, filter("a", 2))
	const messages = 3000
	sent := 0
	publish := func(n int) {
		pub := b.connect("pub", true, packet.V5)
		for range n {
			pub.Say("a", fmt.Sprint(sent), byte(1+sent%2))
			sent++
		}
		pub.Disconnect(packet.Disconnect{})
	}
	publish(messages)
	for got, round := 0, 0; got < sent; round++ {
		c, _ := resume(t, b, "away", packet.V5)
		n := min(700, sent-got)
		takeMany(t, c, got, n)
		if got += n; round%3 == 0 {
			publish(10)
		}
		c.Disconnect(packet.Disconnect{})
		if round%2 == 1 {
			b.stop()
			b = start(t, cfg)
		}
	}
}

// takeMany takes n numbered messages from the first on.
func takeMany(t *testing.T, c *mqtttest.Client, first, n int) {
	t.Helper()
	payloads := make([]string, n)
	for i := range payloads {
		payloads[i] = fmt.Sprint(first + i)
	}
	takeAll(t, c, payloads...)
}

// takeAll takes messages in order, whatever of their acknowledgements overlaps.
func takeAll(t *testing.T, c *mqtttest.Client, payloads ...string) {
	t.Helper()
	for taken, open := 0, 0; taken < len(payloads) || open > 0; {
		got := c.Packet()
		switch {
		case got.Type == packet.TypePubrel:
			c.Ack(packet.TypePubcomp, got.Ack.PacketID)
			open--
		case got.Type != packet.TypePublish:
			t.Fatalf("%v in a queue", got.Type)
		case taken == len(payloads): // for the next connection
		case string(got.Publish.Payload) != payloads[taken]:
			t.Fatalf("message %s instead of %s", got.Publish.Payload, payloads[taken])
		default:
			taken++
			kind := packet.TypePuback
			if got.Publish.QoS == 2 {
				kind = packet.TypePubrec
				open++
			}
			c.Ack(kind, got.Publish.PacketID)
		}
	}
}

// last fails if c gets anything before a message that is published now to a topic of its own.
func last(c *mqtttest.Client, b *broker, topic string) {
	b.t.Helper()
	b.connect("last", true, packet.V5).Say(topic, "last", 1)
	c.Take(topic, "last")
}

// TestWillSurvives: a will whose client was connected when the broker stopped without a word, or that
// waited for its delay, is published after the restart, once.
func TestWillSurvives(t *testing.T) {
	cfg := durable(t)
	clock := new(clock)
	b := startAt(t, cfg, clock)
	away(t, b, "watch", packet.V5, filter("will/#", 1))
	c := mqtttest.Dial(t, b.addr())
	p := hello("c", false, packet.V5)
	p.Will = &packet.Will{Topic: "will/c", Payload: []byte("gone"), QoS: 1, Delay: 60}
	p.Properties.SessionExpiry = 7200
	c.Connect(p)
	c.Reset()
	b.stop()
	b = startAt(t, cfg, clock)
	watch, _ := resume(t, b, "watch", packet.V5)
	last(watch, b, "will/none")
	watch.Disconnect(packet.Disconnect{})
	b.stop()
	clock.advance(61)
	for round := range 2 {
		b = startAt(t, cfg, clock)
		watch, _ = resume(t, b, "watch", packet.V5)
		if round == 0 {
			watch.Take("will/c", "gone")
		}
		last(watch, b, "will/none")
		watch.Disconnect(packet.Disconnect{})
		b.stop()
	}
}

// TestRetainedExpires: an expired retained message is gone, and does not come back with a restart.
func TestRetainedExpires(t *testing.T) {
	cfg := durable(t)
	clock := new(clock)
	b := startAt(t, cfg, clock)
	pub := b.connect("pub", true, packet.V5)
	for _, topic := range []string{"kept", "expires"} {
		p := text(topic, topic, 1)
		p.Retain, p.HasExpiry, p.Expiry = true, topic == "expires", 60
		pub.Publish(p)
	}
	b.stop()
	clock.advance(61)
	for range 2 {
		b = startAt(t, cfg, clock)
		c := b.connect("c", true, packet.V5)
		s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("#", 0)}}
		c.Send(s.Append(nil, packet.V5))
		c.ExpectMessage("kept", "kept")
		c.Expect(packet.TypeSuback)
		c.Quiet()
		b.stop()
	}
}

// TestFullStore: a store that has all it may have refuses messages that need storing and nothing else;
// when its queues have been drained, it takes them again.
func TestFullStore(t *testing.T) {
	cfg := durable(t)
	cfg.Store.MaxBytes = 32 << 20
	b := start(t, cfg)
	away(t, b, "away", packet.V5, filter("a", 1))
	pub := b.connect("pub", true, packet.V5)
	live := b.connect("live", true, packet.V5)
	live.Subscribe(filter("b", 1))
	body := make([]byte, 256<<10)
	random := rand.New(rand.NewPCG(1, 1))
	stored := 0
	publish := func() packet.ReasonCode {
		for i := range body {
			body[i] = byte(random.Uint32()) // so that it does not compress
		}
		return pub.Publish(packet.Publish{Topic: []byte("a"), Payload: body, QoS: 1})
	}
	for publish() == packet.Success {
		if stored++; stored > 1000 {
			t.Fatal("the store takes more than it may have")
		}
	}
	if err := b.NotReady(); !errors.Is(err, store.ErrFull) {
		t.Errorf("ready though the store is full: %v", err)
	}
	pub.Say("b", "clean", 1)
	live.Take("b", "clean")
	c, present := resume(t, b, "away", packet.V5)
	if !present {
		t.Error("a session cannot be resumed while the store is full")
	}
	for range stored {
		c.Accept(c.Expect(packet.TypePublish).Publish)
	}
	eventually(t, "the store takes messages again", func() bool { return publish() == packet.Success })
	c.Accept(c.Expect(packet.TypePublish).Publish)
	eventually(t, "the broker is ready again", func() bool { return b.NotReady() == nil })
	cfg.Store.MaxBytes = 1000
	if b.Configure(t.Context(), cfg, "") || publish() != packet.QuotaExceeded {
		t.Error("another maxBytes is not followed live")
	}
}

// TestSessionDoesNotEnd: who takes the place of a session whose end is not stored waits no longer than a CONNECT may take.
func TestSessionDoesNotEnd(t *testing.T) {
	cfg := durable(t)
	cfg.MQTT.ConnectTimeoutSeconds = 1
	b, f := startFaulty(t, cfg)
	away(t, b, "c", packet.V5, filter("a", 1))
	f.mode.Store(stuck)
	defer f.works()
	c := mqtttest.Dial(t, b.addr())
	if got := c.Connect(hello("c", true, packet.V5)); got.Reason != packet.ServerUnavailable {
		t.Errorf("CONNACK says %v", got.Reason)
	}
}
