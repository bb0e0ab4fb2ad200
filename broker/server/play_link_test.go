package server_test

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// link is a client's end of a connection. It reads strictly: what comes must be whole packets of a server in the
// connection's version, in the order and number that the standard has.
type link struct {
	play  *play
	actor *actor
	nc    net.Conn
	out   chan []byte
	turn  chan struct{} // holds a token while the client reads

	mu    sync.Mutex // guards in and ended
	in    []byte
	ended bool
	rest  []byte // of in, what has not been looked at

	version   packet.Version
	clean     bool
	anonymous bool          // the broker names it: no session of the actor's
	method    bool          // it asks for enhanced authentication
	keepAlive time.Duration // 1.5 times what was asked for; 0: none
	most      int           // messages that may be unfinished
	largest   int           // packet that it takes, in bytes; 0: any
	aliasMost uint16
	sent      time.Time // when it last sent something

	wild      bool // it has sent things that it does not know
	mayEnd    bool // the broker has a reason to end it
	opening   bool // CONNECT is sent and not answered
	connected bool
	paused    bool
	closed    bool // by the client
	over5     bool // DISCONNECT has come, or a refusal: nothing may follow

	awaited    map[awaited]int
	filters    map[uint16]int      // of SUBSCRIBEs and UNSUBSCRIBEs
	unfinished map[uint16]struct{} // PUBLISHes of this connection that the client has not finished
	aliases    map[uint16]string   // of topics, from the broker

	aliasTheirs uint16 // the broker's maximum
	aliasOurs   map[uint16]string
}

// awaited is an answer that the broker owes.
type awaited struct {
	kind packet.Type
	id   uint16
}

func newLink(p *play, a *actor) *link {
	ours, theirs := net.Pipe()
	l := &link{
		play: p, actor: a, nc: ours, out: make(chan []byte, 1024), turn: make(chan struct{}, 1), version: packet.V5, sent: time.Now(),
		awaited: make(map[awaited]int), filters: make(map[uint16]int), unfinished: make(map[uint16]struct{}), aliases: make(map[uint16]string),
		aliasOurs: make(map[uint16]string),
	}
	l.turn <- struct{}{}
	go l.read()
	go l.write(1 + p.draw(100))
	p.door.in <- theirs
	p.links = append(p.links, l)
	return l
}

func (l *link) read() {
	var buf [512]byte
	for {
		<-l.turn
		l.turn <- struct{}{}
		n, err := l.nc.Read(buf[:])
		l.mu.Lock()
		l.in = append(l.in, buf[:n]...)
		l.ended = err != nil
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// write writes pieces of at most cut bytes.
func (l *link) write(cut int) {
	for b := range l.out {
		for len(b) > 0 {
			n, err := l.nc.Write(b[:min(len(b), cut)])
			if b = b[n:]; err != nil {
				break // the reader sees it too
			}
		}
	}
}

func (l *link) send(b []byte) {
	if l.closed {
		return
	}
	l.sent = time.Now()
	l.trace("sends", b)
	l.out <- b
}

// trace tells, with go test -v, what passes: to understand an input that fails.
func (l *link) trace(what string, b []byte) {
	if testing.Verbose() {
		l.play.t.Logf("%s %s %p %s % x", time.Now().Format("04:05"), l.actor.id, l, what, b[:min(len(b), 80)])
	}
}

// publish sends a PUBLISH and notes what follows from it.
func (l *link) publish(pub *packet.Publish) {
	m := &l.play.cfg.MQTT
	switch pub.QoS {
	case 1:
		l.expect(packet.TypePuback, pub.PacketID)
	case 2:
		l.expect(packet.TypePubrec, pub.PacketID)
		own := *pub
		if own.Alias = 0; len(own.Topic) == 0 { // on another connection an alias means nothing
			own.Topic = []byte(l.aliasOurs[pub.Alias])
		}
		l.actor.sent[pub.PacketID] = &own
	}
	if n := l.owed(packet.TypePuback) + len(l.actor.sent); n > int(m.ReceiveMaximum) || pub.Size(l.version) > int(m.MaxPacketSizeBytes) ||
		len(pub.Topic) > 8 || l.version != packet.V5 { // before 5 the broker may refuse by closing
		l.mayEnd = true
	}
	l.send(pub.Append(nil, l.version))
}

func (l *link) owed(t packet.Type) (n int) {
	for a, count := range l.awaited {
		if a.kind == t {
			n += count
		}
	}
	return n
}

// expect notes an answer that is to come, of a packet identifier or 0.
func (l *link) expect(t packet.Type, id uint16) { l.awaited[awaited{t, id}]++ }

func (l *link) waits(t packet.Type, id uint16) bool { return l.awaited[awaited{t, id}] > 0 }

// pause stops reading: at most one more read succeeds.
func (l *link) pause() {
	if !l.paused {
		<-l.turn
		l.paused = true
	}
}

func (l *link) resume() {
	if l.paused {
		l.paused = false
		l.turn <- struct{}{}
	}
}

// close ends the connection without a word.
func (l *link) close() {
	if l.closed {
		return
	}
	l.resume()
	l.closed = true
	close(l.out)
	_ = l.nc.Close() // a pipe's never fails
	if l.actor.link == l {
		l.actor.link = nil
	}
}

// over says whether the broker or the client has ended it.
func (l *link) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed || l.ended
}

// look reads what has come.
func (l *link) look() {
	t := l.play.t
	l.mu.Lock()
	l.rest, l.in = append(l.rest, l.in...), nil
	ended := l.ended
	l.mu.Unlock()
	if l.closed {
		return // what comes after is not heard
	}
	for len(l.rest) > 0 {
		h, body, n, _, err := packet.NextVersion(l.rest, 0, l.version)
		if err != nil {
			t.Fatalf("%s: the broker sends what is no packet: %v", l.actor.id, err)
		}
		if n == 0 {
			if !ended && !l.paused {
				t.Fatalf("%s: the broker sends half a packet: % x", l.actor.id, l.rest)
			}
			break
		}
		if l.largest > 0 && n > l.largest {
			t.Fatalf("%s: %v of %d bytes, and %d are allowed", l.actor.id, h.Type, n, l.largest)
		}
		if l.over5 {
			t.Fatalf("%s: %v after the end", l.actor.id, h.Type)
		}
		l.trace("gets", l.rest[:n])
		l.take(h, body)
		l.rest = l.rest[n:]
	}
	switch innocent := !l.mayEnd && !l.wild && !l.play.chaos; {
	case ended:
		if innocent {
			t.Fatalf("%s: the broker has ended the connection of an innocent client", l.actor.id)
		}
		l.close()
	case l.opening && innocent:
		t.Fatalf("%s: no CONNACK", l.actor.id)
	case l.connected && !l.paused && innocent:
		l.checkAnswered()
	}
}

// checkAnswered fails if something has not been answered though everybody has had the time.
func (l *link) checkAnswered() {
	for a, n := range l.awaited {
		if n > 0 {
			l.play.t.Fatalf("%s: %v %d does not come", l.actor.id, a.kind, a.id)
		}
	}
}

// door is a listener whose connections are pipes.
type door struct {
	in     chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newDoor() *door { return &door{in: make(chan net.Conn), closed: make(chan struct{})} }

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	select {
	case nc := <-d.in:
		return nc, nil
	case <-d.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.once.Do(func() { close(d.closed) })
	return nil
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return &net.TCPAddr{} }
