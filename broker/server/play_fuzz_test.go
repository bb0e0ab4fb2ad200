package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/store/memory"
)

// play is a sequence of what several clients do to one broker, drawn from bytes: packets in and out of order, right and
// wrong acknowledgements, anything at all, silence, time, a restart. It runs in a bubble with its own time; whoever waits
// for what never comes makes the bubble deadlock, and what the broker leaves running too. What the clients check of the
// broker's answers is in actor and link.
type play struct {
	t       *testing.T
	ops     []byte
	cfg     config.Config
	kept    *keptStore // nil: sessions are in memory
	srv     *server.Server
	door    *door
	stop    func()
	actors  []*actor
	links   []*link
	said    int          // the last payload, counting from 1
	repeats map[int]bool // payloads that may come again: their acknowledgement may have been lost
	tame    bool         // nothing that a client does not know of is sent
	chaos   bool         // something was sent that may be a CONNECT of any client
}

// draw is the next byte below n; 0 once there are no more.
func (p *play) draw(n int) int {
	if len(p.ops) == 0 {
		return 0
	}
	b := p.ops[0]
	p.ops = p.ops[1:]
	return int(b) % n
}

// pick is one of several.
func pick[T any](p *play, of ...T) T { return of[p.draw(len(of))] }

// bytes are the next up to n bytes, as they are.
func (p *play) bytes(n int) []byte {
	n = min(n, len(p.ops))
	out := p.ops[:n:n]
	p.ops = p.ops[n:]
	return out
}

func runPlay(t *testing.T, ops []byte) {
	synctest.Test(t, func(t *testing.T) {
		p := &play{t: t, ops: ops, repeats: make(map[int]bool)}
		for _, id := range []string{"a", "b", "c"} {
			p.actors = append(p.actors, newActor(p, id))
		}
		p.configure()
		p.start()
		defer p.end()
		for len(p.ops) > 0 && !t.Failed() {
			p.step()
			p.settle()
		}
		p.finish()
	})
}

// configure draws small limits, so that they are met.
func (p *play) configure() {
	if p.draw(2) == 0 {
		p.kept = &keptStore{Store: memory.New()}
		p.cfg.Store.Dir = "kept"
	}
	p.tame = p.draw(2) == 0
	m := &p.cfg.MQTT
	m.ReceiveMaximum, m.MaxInflight = int32(1+p.draw(5)), int32(1+p.draw(5))
	m.MaxQueuedMessages, m.QueuePolicy = int32(1+p.draw(20)), pick(p, config.DropOldest, config.DropNewest, config.Refuse)
	m.MaxOutboundBytes, m.MaxPacketSizeBytes = int32(4096+16*p.draw(256)), int32(1024+64*p.draw(256))
	m.MaxSubscriptionsPerSession, m.SessionExpiryMaxSeconds = int32(1+p.draw(8)), 100
	m.MaxTopicLevels, m.ConnectTimeoutSeconds = int32(2+p.draw(4)), 10
	p.cfg.Authentication.AllowAnonymous = true
	p.cfg.Authorization.DefaultPolicy = config.PolicyAllow
}

// start starts a broker, with what an earlier one has kept.
func (p *play) start() {
	srv, err := server.New(p.cfg, server.Deps{})
	if err != nil {
		p.t.Fatal(err)
	}
	srv.Bare()
	if p.kept != nil {
		srv.KeepIn(p.kept)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended, accepting := make(chan error, 1), make(chan error, 1)
	go func() { ended <- srv.Run(ctx) }()
	<-srv.Ready()
	door := newDoor()
	go func() { accepting <- srv.Accept(ctx, door) }()
	p.srv, p.door = srv, door
	p.stop = sync.OnceFunc(func() {
		cancel()
		_ = door.Close() // it never fails
		if err := <-accepting; err != nil {
			p.t.Error(err)
		}
		if err := <-ended; err != nil {
			p.t.Errorf("Run: %v", err)
		}
	})
}

// pass lets time pass. Who is silent for too long is ended, and no innocent.
func (p *play) pass(d time.Duration) {
	<-time.After(d)
	for _, l := range p.links {
		if !l.connected || l.keepAlive > 0 && time.Since(l.sent) >= l.keepAlive {
			l.mayEnd = true
		}
	}
}

// settle waits until nobody has anything to do, and has every client look at what it got.
func (p *play) settle() {
	synctest.Wait()
	for _, l := range p.links {
		if l.opening && !l.over() { // an older connection that does not read is given a moment to end
			p.pass(2 * time.Second)
			synctest.Wait()
			break
		}
	}
	open := p.links[:0]
	for _, l := range p.links {
		l.look()
		if !l.over() {
			open = append(open, l)
		}
	}
	clear(p.links[len(open):])
	p.links = open
	if m := p.srv.Metrics(); m.QueuedMessages < 0 || m.QueuedBytes < 0 || m.Sessions < 0 || m.Subscriptions < 0 {
		p.t.Fatalf("a number below 0: %+v", m)
	}
}

// finish ends everything: then nothing may be left of it.
func (p *play) finish() {
	for _, l := range p.links {
		l.resume()
	}
	p.settle()
	for _, l := range p.links {
		l.close()
	}
	p.links = nil
	p.pass(3 * time.Second)
	if m := p.srv.Metrics(); m.Connections != 0 {
		p.t.Errorf("%d connections after all have been closed", m.Connections)
	}
	p.pass(time.Duration(p.cfg.MQTT.SessionExpiryMaxSeconds+1) * time.Second)
	m := p.srv.Metrics()
	if m.Sessions != 0 || m.Subscriptions != 0 || m.QueuedMessages != 0 || m.QueuedBytes != 0 {
		p.t.Errorf("after all sessions have expired: %d sessions, %d subscriptions, %d messages of %d bytes",
			m.Sessions, m.Subscriptions, m.QueuedMessages, m.QueuedBytes)
	}
}

// end stops whatever still runs, after a failure too: what does not stop then makes the bubble fail.
func (p *play) end() {
	for _, l := range p.links {
		l.close()
	}
	p.stop()
}

// restart is a new broker with what the one before has kept; nothing where that is nothing.
func (p *play) restart() {
	if p.kept == nil {
		return
	}
	for _, l := range p.links {
		l.mayEnd = true
	}
	p.stop()
	synctest.Wait()
	for _, l := range p.links {
		l.resume()
	}
	p.settle()
	p.start()
}

// keptStore is a store that outlives the brokers that use it, one after the other.
type keptStore struct {
	store.Store
	parts [store.Partitions]store.Part
}

// Acquire implements store.Store.
func (s *keptStore) Acquire(ctx context.Context, n int) (part store.Part, err error) {
	if s.parts[n] == nil {
		s.parts[n], err = s.Store.Acquire(ctx, n)
	}
	return s.parts[n], err
}

// Close implements store.Store.
func (s *keptStore) Close() error { return nil }

// randomPlay is a play of a seed, mostly of what is allowed.
func randomPlay(seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 2))
	ops := make([]byte, 50+random.IntN(900))
	for i := range ops {
		ops[i] = byte(random.Uint32())
	}
	return ops
}

func TestPlays(t *testing.T) {
	plays := uint64(400)
	if testing.Short() {
		plays = 50
	}
	for seed := range plays {
		if t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { runPlay(t, randomPlay(seed)) }); t.Failed() {
			return
		}
	}
}

// FuzzSession: no sequence of packets and connections makes the broker panic, hang, leak, answer what is no valid
// packet or what nobody asked for, deliver twice what comes once, or exceed what a client has said that it takes.
func FuzzSession(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomPlay(seed))
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 3000 {
			return
		}
		runPlay(t, ops)
	})
}

// payload is a new one that tells itself apart, of about so many bytes.
func (p *play) payload(size int) []byte {
	p.said++
	b := fmt.Appendf(nil, "n=%d;", p.said)
	return append(b, make([]byte, max(0, size-len(b)))...)
}

// number is that of a payload; 0: it is of no play.
func number(payload []byte) int {
	var n int
	if _, err := fmt.Sscanf(string(payload[:min(len(payload), 16)]), "n=%d;", &n); err != nil {
		return 0
	}
	return n
}

// Limits of what plays draw from.
var (
	playTopics  = []string{"a", "a/b", "b", "a/b/c", "/", "$SYS/x", "a/b/c/d/e/f/g"}
	playFilters = []string{
		"a", "a/#", "#", "+", "a/+", "+/+", "b", "$SYS/#", "$share/g/a", "$share/g/a/#", "$share/h/#", "a/b/c/d/e/f/g", "a/#/b", "$share//a", "x+",
	}
	playVersions = []packet.Version{packet.V5, packet.V311, packet.V5, packet.V31}
)
