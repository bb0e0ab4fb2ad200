package server_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// workers are the members of a group that live through the broker's deaths.
type workers struct {
	mu   sync.Mutex
	seen map[int]int
	held map[string]map[uint16]bool // by client identifier: QoS 2 packet identifiers that are taken
}

// read takes messages, numbered as publisher does, until the connection breaks.
func (w *workers) read(t *testing.T, id string, c *mqtttest.Client) {
	for {
		got, err := c.Next()
		if err != nil {
			return
		}
		kind, of := packet.TypePubcomp, got.Ack.PacketID
		w.mu.Lock()
		held := w.held[id]
		switch got.Type {
		case packet.TypePubrel:
			delete(held, of)
		case packet.TypePublish:
			kind, of = packet.TypePuback, got.Publish.PacketID
			n, err := strconv.Atoi(string(got.Publish.Payload))
			if err != nil {
				t.Error(err)
			}
			if !held[of] {
				w.seen[n]++
			}
			if got.Publish.QoS == 2 {
				kind = packet.TypePubrec
				held[of] = true
			}
		}
		w.mu.Unlock()
		a := packet.Ack{PacketID: of}
		_, _ = c.Conn().Write(a.Append(nil, kind, packet.V5)) // a broken connection shows at the next read
	}
}

// missing is how many of the messages that p was told are published nobody has.
func (w *workers) missing(p *publisher) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range p.acked {
		if w.seen[i] == 0 {
			n++
		}
	}
	return n
}

// TestKillShared kills the broker at random moments while one of two members comes and goes, so that messages move: none that
// was acknowledged is lost, and none of QoS 2 comes to both.
func TestKillShared(t *testing.T) {
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	v := &victim{t: t, dir: t.TempDir(), port: int32(freeport.For(t))}
	v.start()
	defer func() { v.kill() }()
	p := &publisher{rel: map[uint16]bool{}, acked: map[int]bool{}}
	w := &workers{seen: map[int]int{}, held: map[string]map[uint16]bool{"stays": {}, "comes": {}}}
	v.resume("pub", false)
	for id := range w.held {
		c := v.resume(id, false)
		c.Subscribe(filter("$share/g/seq/#", 2))
		c.Close()
	}
	var reading sync.WaitGroup
	run := func(id string) *mqtttest.Client {
		c := v.resume(id, true)
		reading.Go(func() { w.read(t, id, c) })
		return c
	}
	for range 8 {
		pub := v.resume("pub", true)
		run("stays")
		comes := run("comes")
		gone := time.AfterFunc(time.Duration(10+random.IntN(60))*time.Millisecond, comes.Close)
		killed := time.AfterFunc(time.Duration(20+random.IntN(120))*time.Millisecond, func() { _ = v.cmd.Process.Kill() })
		p.run(pub)
		gone.Stop()
		killed.Stop()
		v.kill()
		comes.Close()
		reading.Wait()
		v.start()
	}
	for id := range w.held {
		run(id)
	}
	eventually(t, "all messages are there", func() bool { return w.missing(p) == 0 })
	t.Logf("%d of %d acknowledged", len(p.acked), p.next)
	v.kill()
	reading.Wait()
	for n, times := range w.seen {
		if n%2 == 1 && times > 1 {
			t.Error(fmt.Sprint("QoS 2 message ", n, " has come ", times, " times"))
		}
	}
}
