package server_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// crowd is members of a group that come and go while others publish to it.
type crowd struct {
	t    *testing.T
	b    *broker
	stop atomic.Bool // the publishers are to stop

	mu    sync.Mutex
	acked []string       // what publishers have been told is published
	got   map[string]int // how often members got it; a QoS 2 message that comes again in its exchange counts once
}

func (w *crowd) note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got[text]++
}

// publish publishes numbered messages one after the other, QoS 1 and 2 by turns.
func (w *crowd) publish(name string) {
	c := w.b.connect(name, true, packet.V5)
	for i := 0; !w.stop.Load(); i++ {
		p := text("t", fmt.Sprint(name, " ", i), byte(1+i%2))
		if got := c.Publish(p); got.Failed() {
			w.t.Errorf("publish: %v", got)
			return
		}
		w.mu.Lock()
		w.acked = append(w.acked, fmt.Sprint(1+i%2, " ", string(p.Payload)))
		w.mu.Unlock()
	}
}

// member is one client identifier.
type member struct {
	*crowd
	id     string
	random *rand.Rand
	held   map[uint16]bool // QoS 2 packet identifiers that are taken
}

// come connects, and subscribes if it must.
func (m *member) come() *mqtttest.Client {
	c := mqtttest.Dial(m.t, m.b.addr())
	p := hello(m.id, m.random.IntN(4) == 0, packet.V5)
	p.Properties.SessionExpiry, p.Properties.HasSessionExpiry = 3600*uint32(m.random.IntN(2)), true
	p.Properties.ReceiveMaximum = uint16(1 + m.random.IntN(20))
	c.Send(p.Append(nil))
	if got := c.Expect(packet.TypeConnack).Connack; !got.SessionPresent {
		m.held = map[uint16]bool{}
	}
	s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter(shared, 2)}}
	c.Send(s.Append(nil, packet.V5))
	return c
}

// read takes n packets, and leaves the last without an answer, if it may, as often as not.
func (m *member) read(c *mqtttest.Client, n int, all bool) error {
	answer := func(kind packet.Type, id uint16) {
		if n > 1 || all || m.random.IntN(2) == 0 {
			a := packet.Ack{PacketID: id}
			_, _ = c.Conn().Write(a.Append(nil, kind, packet.V5)) // that it has ended shows at the next read
		}
	}
	for ; n > 0; n-- {
		p, err := c.Next()
		if err != nil {
			return err
		}
		switch {
		case p.Type == packet.TypePubrel:
			delete(m.held, p.Ack.PacketID)
			answer(packet.TypePubcomp, p.Ack.PacketID)
		case p.Type != packet.TypePublish:
		case p.Publish.QoS == 1:
			m.note(fmt.Sprint("1 ", string(p.Publish.Payload)))
			answer(packet.TypePuback, p.Publish.PacketID)
		default:
			if !m.held[p.Publish.PacketID] {
				m.note(fmt.Sprint("2 ", string(p.Publish.Payload)))
			}
			m.held[p.Publish.PacketID] = true
			answer(packet.TypePubrec, p.Publish.PacketID)
		}
	}
	return nil
}

// live comes and goes.
func (m *member) live(rounds int) {
	for range rounds {
		c := m.come()
		if err := m.read(c, 1+m.random.IntN(60), false); err != nil {
			m.t.Errorf("%s: %v", m.id, err)
			return
		}
		switch m.random.IntN(4) {
		case 0:
			c.Reset()
		case 1:
			c.Close()
		case 2:
			u := packet.Unsubscribe{PacketID: 2, Filters: []string{shared}}
			c.Send(u.Append(nil, packet.V5))
			c.Close()
		case 3:
			d := packet.Disconnect{}
			c.Send(d.Append(nil, packet.V5))
			c.Close()
		}
	}
	c := mqtttest.Dial(m.t, m.b.addr())
	c.Connect(hello(m.id, true, packet.V5)) // its session ends
	c.Close()
}

// TestSharedCrowd: whatever members do, what was published at QoS 1 reaches one, and nothing of QoS 2 reaches two. One
// member keeps its session, so that there always is one.
func TestSharedCrowd(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		seed := rand.Uint64()
		w := &crowd{t: t, b: run(t, cfg), got: map[string]int{}}
		anchor := &member{crowd: w, id: "anchor", held: map[uint16]bool{}}
		away(t, w.b, anchor.id, packet.V5, filter(shared, 2))
		var publishing, living sync.WaitGroup
		for i := range 3 {
			publishing.Go(func() { w.publish(fmt.Sprint("pub", i)) })
		}
		for i := range 6 {
			m := &member{crowd: w, id: fmt.Sprint("member ", i), random: rand.New(rand.NewPCG(seed, uint64(i)))}
			living.Go(func() { m.live(25) })
		}
		living.Wait()
		w.stop.Store(true)
		publishing.Wait()
		c, _ := resume(t, w.b, anchor.id, packet.V5)
		for missing := w.missing(); missing > 0 && !t.Failed(); missing = w.missing() {
			if err := anchor.read(c, 1, true); err != nil {
				m := w.b.Metrics()
				t.Errorf("seed %d: %d of %d messages are lost: %v; %d are queued, dropped are %v", seed, missing, len(w.acked), err, m.QueuedMessages, m.Dropped)
				return
			}
		}
		t.Logf("%d messages", len(w.acked))
		for text, n := range w.got {
			if text[0] == '2' && n > 1 {
				t.Errorf("seed %d: %s has come %d times", seed, text, n)
			}
		}
	})
}

// missing is how many QoS 1 messages nobody has got.
func (w *crowd) missing() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range w.acked {
		if text[0] == '1' && w.got[text] == 0 {
			n++
		}
	}
	return n
}
