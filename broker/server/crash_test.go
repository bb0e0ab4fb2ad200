package server_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// In the environment of a child process: it is to be a broker, with this store, on this port.
const (
	childDir  = "DUNLIN_TEST_STORE"
	childPort = "DUNLIN_TEST_PORT"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child is a broker that runs until it is killed.
func child(dir string) int {
	port, err := strconv.ParseUint(os.Getenv(childPort), 10, 16)
	if err != nil {
		panic(err)
	}
	srv, err := server.New(config.Config{
		Listeners: []config.Listener{{
			ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: int32(port)}, Host: "127.0.0.1",
		}},
		Authentication: config.Authentication{AllowAnonymous: true},
		Authorization:  config.Authorization{DefaultPolicy: config.PolicyAllow},
		Store:          config.Store{Dir: dir},
	}, server.Deps{})
	if err == nil {
		err = srv.Run(context.Background())
	}
	fmt.Fprintln(os.Stderr, "broker:", err) //nolint:errcheck // about to exit
	return 1
}

// victim is a broker in a process of its own.
type victim struct {
	t    *testing.T
	dir  string
	port int32
	cmd  *exec.Cmd
}

func (v *victim) addr() string { return fmt.Sprint("127.0.0.1:", v.port) }

func (v *victim) start() {
	v.t.Helper()
	v.cmd = exec.Command(os.Args[0])
	v.cmd.Env = append(os.Environ(), childDir+"="+v.dir, childPort+"="+fmt.Sprint(v.port))
	v.cmd.Stderr = os.Stderr
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	eventually(v.t, "the broker listens", func() bool {
		nc, err := net.Dial("tcp", v.addr())
		if err == nil {
			_ = nc.Close()
		}
		return err == nil
	})
}

// kill is kill -9.
func (v *victim) kill() {
	_ = v.cmd.Process.Kill() // it may be dead already
	_ = v.cmd.Wait()         // and says that it was killed
}

// resume connects id to its session, which must be there if it must.
func (v *victim) resume(id string, must bool) *mqtttest.Client {
	v.t.Helper()
	c := mqtttest.Dial(v.t, v.addr())
	if got := c.Connect(hello(id, false, packet.V5)); got.SessionPresent != must {
		v.t.Fatalf("session of %s present: %v", id, got.SessionPresent)
	}
	return c
}

// publisher publishes numbers and knows which have been acknowledged.
type publisher struct {
	next  int
	open  []packet.Publish // sent and not acknowledged, oldest first
	rel   map[uint16]bool  // PUBREC has come, PUBCOMP has not
	acked map[int]bool
}

// run goes on until the connection breaks: first with what is open.
func (p *publisher) run(c *mqtttest.Client) {
	for i := range p.open {
		p.open[i].Dup = true
		p.write(c, p.open[i].Append(nil, packet.V5))
	}
	for id := range p.rel {
		p.ack(c, id)
	}
	for {
		for len(p.open)+len(p.rel) < 100 {
			p.next++
			m := text("seq/"+fmt.Sprint(1+p.next%2), strconv.Itoa(p.next), byte(1+p.next%2))
			m.PacketID = uint16(p.next)
			p.open = append(p.open, m)
			if !p.write(c, m.Append(nil, packet.V5)) {
				return
			}
		}
		got, err := c.Next()
		if err != nil {
			return
		}
		switch got.Type {
		case packet.TypePuback:
			p.done(got.Ack.PacketID)
		case packet.TypePubrec:
			p.done(got.Ack.PacketID)
			p.rel[got.Ack.PacketID] = true
			p.ack(c, got.Ack.PacketID)
		case packet.TypePubcomp:
			delete(p.rel, got.Ack.PacketID)
		}
	}
}

func (p *publisher) write(c *mqtttest.Client, b []byte) bool {
	_, err := c.Conn().Write(b)
	return err == nil
}

func (p *publisher) ack(c *mqtttest.Client, id uint16) {
	a := packet.Ack{PacketID: id}
	p.write(c, a.Append(nil, packet.TypePubrel, packet.V5)) // a broken connection shows at the next read
}

func (p *publisher) done(id uint16) {
	for i := range p.open {
		if p.open[i].PacketID == id {
			p.acked[int(id)] = true
			p.open = append(p.open[:i], p.open[i+1:]...)
			return
		}
	}
}

// TestKill kills the broker at random moments while a client publishes to one that is away, and to
// one that comes and goes: what was acknowledged arrives, in order; sessions, subscriptions and
// retained messages are there.
func TestKill(t *testing.T) {
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	v := &victim{t: t, dir: t.TempDir(), port: int32(freeport.For(t))}
	v.start()
	defer func() { v.kill() }()
	p := &publisher{rel: map[uint16]bool{}, acked: map[int]bool{}}
	for _, id := range []string{"away", "comes"} {
		v.resume(id, false).Subscribe(filter("seq/#", 2))
	}
	v.resume("pub", false)
	comes := &account{t: t, name: "comes", p: p, last: map[string]int{}, seen: map[int]int{}}
	for round := range 10 {
		pub := v.resume("pub", true)
		retained := fmt.Sprint("retained/", round)
		mqtttest.Start(t, v.addr(), hello("r", true, packet.V5)).Retain(retained, "x")
		sub := v.resume("comes", true)
		reading := make(chan struct{})
		go func() { defer close(reading); comes.read(sub, -1) }()
		timer := time.AfterFunc(time.Duration(20+random.IntN(150))*time.Millisecond, func() { _ = v.cmd.Process.Kill() })
		p.run(pub)
		timer.Stop()
		v.kill()
		<-reading
		v.start()
		check := mqtttest.Start(t, v.addr(), hello("check", true, packet.V5))
		s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter(retained, 0)}}
		check.Send(s.Append(nil, packet.V5))
		for found := false; !found; {
			found = check.Packet().Type == packet.TypePublish
		}
	}
	t.Logf("%d of %d acknowledged", len(p.acked), p.next)
	away := &account{t: t, name: "away", p: p, last: map[string]int{}, seen: map[int]int{}}
	for _, a := range []*account{away, comes} {
		mqtttest.Start(t, v.addr(), hello("end", true, packet.V5)).Say("seq/end", "0", 1)
		a.read(v.resume(a.name, true), 0)
		for n := range p.acked {
			if a.seen[n] == 0 {
				t.Errorf("%s: message %d was acknowledged, and is lost", a.name, n)
			}
		}
	}
}

// account is what a subscriber has got.
type account struct {
	t    *testing.T
	name string
	p    *publisher
	last map[string]int
	seen map[int]int
	held map[uint16]bool // QoS 2 identifiers that are taken
}

// read takes messages until the connection breaks or the number end comes.
func (a *account) read(c *mqtttest.Client, end int) {
	if a.held == nil {
		a.held = map[uint16]bool{}
	}
	for {
		got, err := c.Next()
		if err != nil {
			if end >= 0 {
				a.t.Errorf("%s: %v", a.name, err)
			}
			return
		}
		id, kind := got.Ack.PacketID, packet.TypePubcomp
		if got.Type == packet.TypePublish {
			n, err := strconv.Atoi(string(got.Publish.Payload))
			if err != nil {
				a.t.Error(err)
			}
			if n == end {
				return
			}
			a.take(&got.Publish, n)
			id, kind = got.Publish.PacketID, packet.TypePuback
			if got.Publish.QoS == 2 {
				kind = packet.TypePubrec
			}
		} else {
			delete(a.held, id)
		}
		ack := packet.Ack{PacketID: id}
		_, _ = c.Conn().Write(ack.Append(nil, kind, packet.V5)) // a broken connection shows at the next read
	}
}

// take counts a message. A first copy that comes after a later one of its topic is out of order.
func (a *account) take(p *packet.Publish, n int) {
	if p.QoS == 2 && a.held[p.PacketID] {
		return // a repetition within its exchange
	}
	if p.QoS == 2 {
		a.held[p.PacketID] = true
	}
	topic := string(p.Topic)
	if a.seen[n]++; a.seen[n] == 1 && n > 0 {
		if n < a.last[topic] {
			a.t.Errorf("%s: message %d of %s comes after %d", a.name, n, topic, a.last[topic])
		}
		a.last[topic] = n
	}
	if p.QoS == 2 && a.seen[n] == 2 {
		a.t.Errorf("%s: QoS 2 message %d has come twice", a.name, n)
	}
}
