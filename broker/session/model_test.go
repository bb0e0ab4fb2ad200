package session

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// model drives a session with operations drawn from bytes, and plays the client: it checks what a
// client can see of MQTT 5 §4.3, §4.4 and §4.6, and in the end that nothing is missing.
type model struct {
	t      testing.TB
	ops    []byte
	limits Limits
	s      *Session
	w      *wire
	online bool
	window int

	next     int             // payload of the next message, counting from 1
	accepted int             // not dropped at once
	seen     int             // the latest payload that has come
	got      map[int]int     // how often each has been taken as new
	held     map[uint16]held // unfinished exchanges of the client's, by packet identifier
	order    []uint16        // held on this connection, oldest first
	released map[uint64]bool
	dropped  uint64 // of sessions before a restart
}

// held is an exchange that the client has not finished.
type held struct {
	payload int
	qos     byte
	rec     bool // PUBREC has been sent
}

// draw is the next byte below n; 0 once there are no more.
func (m *model) draw(n int) int {
	if len(m.ops) == 0 {
		return 0
	}
	b := m.ops[0]
	m.ops = m.ops[1:]
	return int(b) % n
}

func runModel(t testing.TB, ops []byte) {
	m := &model{t: t, ops: ops, got: make(map[int]int), held: make(map[uint16]held), released: make(map[uint64]bool)}
	m.limits = Limits{
		MaxInflight: 1 + m.draw(5), MaxQueued: 1 + m.draw(12), MaxQueuedBytes: 1 << 20,
		DropOldest: m.draw(2) == 0, MaxOutbound: 20 + m.draw(200),
	}
	m.s = New("c", &m.limits)
	if m.draw(3) == 0 { // near the end of the identifiers, so that they wrap
		m.s.ordinal = identifiers - 3
	}
	m.connect()
	for len(m.ops) > 0 {
		m.step()
		m.collect()
	}
	m.drain()
}

func (m *model) step() {
	switch m.draw(8) {
	case 0, 1, 2:
		m.deliver(1 + m.draw(2))
	case 3:
		m.deliver(0)
	case 4:
		m.read()
	case 5, 6:
		m.answer()
	case 7:
		switch m.draw(6) {
		case 0:
			m.restart()
		case 1, 2:
			m.disconnect()
			m.connect()
		default:
			m.disconnect()
		}
	}
}

func (m *model) deliver(qos int) {
	if qos == 0 {
		give(m.s, "0", 0, 0)
		return
	}
	m.next++
	switch outcome := give(m.s, strconv.Itoa(m.next), byte(qos), uint64(m.next)); {
	case outcome == Dropped && m.limits.DropOldest:
		m.t.Fatalf("message %d is dropped, and not an older one", m.next)
	case outcome == Away:
		m.t.Fatalf("message %d is not kept", m.next)
	case outcome != Dropped:
		m.accepted++
	}
}

func (m *model) connect() {
	if m.online {
		return
	}
	m.window = 1 + m.draw(4)
	m.online, m.order = true, nil
	if m.w == nil {
		m.w = &wire{t: m.t}
	}
	m.w.s = m.s
	m.w.attach(Attachment{Durable: true, ReceiveMaximum: m.window})
}

func (m *model) disconnect() {
	if m.online && !m.s.Detach(m.w.sink) {
		m.t.Fatal("Detach of what is attached")
	}
	m.online = false
}

// restart is the server's: what is in flight and waits comes back from a snapshot.
func (m *model) restart() {
	m.disconnect()
	m.collect()
	m.dropped += m.s.Dropped().QueueFull
	snap := m.s.Snapshot()
	m.s = New("c", &m.limits)
	m.s.Restore(snap)
	if got := m.s.Snapshot(); fmt.Sprint(got) != fmt.Sprint(snap) {
		m.t.Fatalf("restored: %v, and not %v", got, snap)
	}
}

// read takes what the server has written.
func (m *model) read() {
	if !m.online {
		return
	}
	for _, p := range m.w.packets(0) {
		switch p.kind {
		case packet.TypePublish:
			if p.publish.QoS > 0 {
				m.published(p)
			}
		case packet.TypePubrel:
			h, known := m.held[p.id]
			if known && (h.qos != 2 || !h.rec) {
				m.t.Fatalf("PUBREL %d for %+v", p.id, h)
			}
			m.open(p.id)
		}
	}
	if len(m.order) > min(m.window, m.limits.MaxInflight) && m.unfinished() > min(m.window, m.limits.MaxInflight) {
		m.t.Fatalf("%d unacknowledged, window %d", len(m.order), m.window)
	}
}

// unfinished counts the exchanges whose PUBLISH came on this connection.
func (m *model) unfinished() (n int) {
	for _, id := range m.order {
		if h, known := m.held[id]; known && !h.rec {
			n++
		}
	}
	return n
}

func (m *model) open(id uint16) {
	for _, other := range m.order {
		if other == id {
			return
		}
	}
	m.order = append(m.order, id)
}

func (m *model) published(p sent) {
	payload, err := strconv.Atoi(string(p.publish.Payload))
	if err != nil {
		m.t.Fatal(err)
	}
	h, inUse := m.held[p.id]
	switch {
	case inUse && (h.payload != payload || !p.publish.Dup):
		m.t.Fatalf("%v: its identifier is in use for %+v", p, h)
	case inUse:
	case payload <= m.seen && p.publish.QoS == 2:
		m.t.Fatalf("%v comes again after its exchange", p)
	case payload <= m.seen && !p.publish.Dup:
		m.t.Fatalf("%v comes after %d", p, m.seen)
	default:
		m.got[payload]++
		m.seen = max(m.seen, payload)
	}
	m.held[p.id] = held{payload: payload, qos: p.publish.QoS, rec: h.rec}
	m.open(p.id)
}

// answer takes an exchange of this connection one step further; not always the oldest.
func (m *model) answer() {
	if !m.online || len(m.order) == 0 {
		return
	}
	i := m.draw(len(m.order))
	id := m.order[i]
	h, known := m.held[id]
	var ok bool
	switch {
	case known && h.qos == 1:
		_, ok = m.s.Puback(id, 0)
	case known && !h.rec:
		h.rec = true
		m.held[id] = h
		_, _, _, ok = m.s.Pubrec(id, false, 0)
		if !ok {
			m.t.Fatalf("PUBREC %d is not known", id)
		}
		return
	default: // PUBREL has come, or will
		_, ok = m.s.Pubcomp(id, 0)
	}
	if !ok {
		m.t.Fatalf("the answer to %d, %+v, is not known", id, h)
	}
	delete(m.held, id)
	m.order = append(m.order[:i], m.order[i+1:]...)
}

// collect checks that no ordinal is released twice.
func (m *model) collect() {
	for _, o := range m.s.Released() {
		if m.released[o] {
			m.t.Fatalf("ordinal %d is released twice", o)
		}
		m.released[o] = true
	}
}

// drain acknowledges everything and counts.
func (m *model) drain() {
	m.connect()
	for range 4*m.next + 8 {
		m.read()
		m.answer()
	}
	m.collect()
	if in, queued := m.s.Pending(); in != 0 || queued != 0 {
		m.t.Fatalf("%d in flight and %d queued after everything is acknowledged", in, queued)
	}
	lost := m.next - m.accepted // at once
	if drops := m.dropped + m.s.Dropped().QueueFull; len(m.got) != m.next-int(drops) || lost > int(drops) {
		m.t.Fatalf("of %d messages %d have come, and %d drops are counted", m.next, len(m.got), drops)
	}
	if len(m.released) != m.next {
		m.t.Fatalf("of %d stored messages %d are released", m.next, len(m.released))
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 1))
		ops := make([]byte, 20+random.IntN(600))
		for i := range ops {
			ops[i] = byte(random.Uint32())
		}
		if t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { runModel(t, ops) }); t.Failed() {
			return
		}
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02\x04\x00\x10\x01\x02\x00\x01\x04\x05\x00\x07\x01\x02\x04\x05\x05"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 4000 {
			return
		}
		runModel(t, ops)
	})
}
