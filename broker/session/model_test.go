package session

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/message"
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
	log    *modelLog // nil: the session is in memory
	online bool
	window int
	topics int // how many different ones

	next     int             // payload of the next message, counting from 1
	links    int             // connections so far
	seen     int             // the latest payload that has come
	born     map[int]int     // the connection during which a payload was published
	got      map[int]int     // how often each has been taken as new
	held     map[uint16]held // unfinished exchanges of the client's, by packet identifier
	order    []uint16        // held on this connection, oldest first
	rejected int             // dropped at once
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
	m := &model{t: t, ops: ops, got: make(map[int]int), held: make(map[uint16]held), born: make(map[int]int)}
	logged := m.draw(2) == 0
	m.limits.MaxInflight, m.limits.MaxQueued, m.limits.MaxQueuedBytes = 1+m.draw(5), 1+m.draw(12), 1<<20
	m.limits.Policy, m.limits.MaxOutbound = Policy(m.draw(3)), 20+m.draw(200)
	m.topics = 1 + m.draw(5)
	m.s = New("c", &m.limits)
	first := uint64(0)
	if m.draw(3) == 0 { // near the end of the identifiers, so that they wrap
		first = identifiers - 3
	}
	if logged {
		m.log = &modelLog{m: m, first: first, released: make(map[uint64]bool)}
	} else {
		m.s.next = first
	}
	m.connect()
	for len(m.ops) > 0 {
		m.step()
		m.settle()
	}
	m.drain()
}

func (m *model) step() {
	switch m.draw(10) {
	case 0, 1, 2:
		m.deliver(1 + m.draw(2))
	case 3:
		m.deliver(0)
	case 4:
		m.read()
	case 5, 6:
		m.answer()
	case 7:
		m.reconnect()
	case 8, 9:
		if m.log != nil {
			m.log.step(m.draw(2))
		}
	}
}

func (m *model) reconnect() {
	switch m.draw(6) {
	case 0:
		m.disconnect()
		if m.log != nil {
			m.log.restart()
		}
	case 1, 2:
		m.disconnect()
		m.connect()
	default:
		m.disconnect()
	}
}

// settle is what the server does after each call.
func (m *model) settle() {
	if m.log != nil {
		m.log.collect()
		m.log.load(m.s.Hungry())
		return
	}
	if m.s.Released() != nil {
		m.t.Fatal("a session in memory releases messages")
	}
	if _, queued := m.s.Pending(); m.limits.Held.Messages.Load() != int64(queued) {
		m.t.Fatalf("%d are held, and %d queued", m.limits.Held.Messages.Load(), queued)
	}
}

func (m *model) deliver(qos int) {
	if qos == 0 {
		m.give(0, 0)
		return
	}
	refuses := m.s.Refuses(2)
	m.next++
	m.born[m.next] = m.links
	if m.log != nil {
		if !m.log.offer(m.message(m.next, byte(qos))) {
			m.rejected++
		}
		return
	}
	switch outcome := m.give(m.next, byte(qos)); {
	case outcome == Dropped && m.limits.Policy == DropOldest:
		m.t.Fatalf("message %d is dropped, and not an older one", m.next)
	case outcome == Away:
		m.t.Fatalf("message %d is not kept", m.next)
	case m.limits.Policy == Refuse && refuses != (outcome == Dropped):
		m.t.Fatalf("message %d: refuses %v, and then outcome %d", m.next, refuses, outcome)
	case outcome == Dropped:
		m.rejected++
	}
}

// message is what is published as a payload; the topic follows from that, so that it can be checked.
func (m *model) message(payload int, qos byte) *message.Message {
	return &message.Message{Topic: m.topic(payload), Payload: strconv.AppendInt(nil, int64(payload), 10), QoS: qos}
}

func (m *model) topic(payload int) string { return "topic/" + strconv.Itoa(payload%m.topics) }

func (m *model) give(payload int, qos byte) Outcome {
	var o Outgoing
	o.Reset(m.message(payload, qos), false, 0)
	outcome, _ := m.s.Deliver(&o, &Delivery{QoS: qos})
	return outcome
}

func (m *model) connect() {
	if m.online {
		return
	}
	m.window = 1 + m.draw(4)
	m.online, m.order = true, nil
	m.links++
	if m.w == nil {
		m.w = &wire{t: m.t}
	}
	m.w.s = m.s
	m.w.attach(Attachment{Durable: true, Logged: m.log != nil, ReceiveMaximum: uint16(m.window), TopicAliasMaximum: uint16(m.draw(4))})
}

func (m *model) disconnect() {
	if m.online && !m.s.Detach(m.w.sink) {
		m.t.Fatal("Detach of what is attached")
	}
	m.online = false
}

// read takes what the server has written.
func (m *model) read() {
	if !m.online {
		return
	}
	for _, p := range m.w.packets(0) {
		switch p.kind {
		case packet.TypePublish:
			if topic := strings.TrimPrefix(string(p.publish.Topic), "="); topic != m.topic(payloadOf(m.t, p)) {
				m.t.Fatalf("%v comes as of topic %s", p, topic)
			}
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

func payloadOf(t testing.TB, p sent) int {
	payload, err := strconv.Atoi(string(p.publish.Payload))
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func (m *model) published(p sent) {
	payload := payloadOf(m.t, p)
	h, inUse := m.held[p.id]
	switch {
	case inUse && (h.payload != payload || !p.publish.Dup):
		m.t.Fatalf("%v: its identifier is in use for %+v", p, h)
	case p.publish.Dup && m.born[payload] == m.links:
		m.t.Fatalf("%v is sent for the first time", p)
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
		_, ok = puback(m.s, id, 0)
	case known && !h.rec:
		h.rec = true
		m.held[id] = h
		ordinal, stored, _, ok := pubrec(m.s, id, false, 0)
		if !ok || stored && m.log == nil {
			m.t.Fatalf("PUBREC %d: known %v, to be stored %v", id, ok, stored)
		}
		if m.log != nil {
			m.log.arrived(id, ordinal, stored)
		}
		return
	default: // PUBREL has come, or will
		_, ok = pubcomp(m.s, id, 0)
	}
	if !ok {
		m.t.Fatalf("the answer to %d, %+v, is not known", id, h)
	}
	delete(m.held, id)
	m.order = append(m.order[:i], m.order[i+1:]...)
}

// drain acknowledges everything and counts.
func (m *model) drain() {
	m.connect()
	for steps, quiet := 0, 0; quiet < 24 && steps < 1000*(m.next+1); steps++ {
		m.settle()
		if m.log != nil {
			m.log.step(0)
		}
		m.read()
		if in, queued := m.s.Pending(); in == 0 && queued == 0 && len(m.order) == 0 && (m.log == nil || len(m.log.loads) == 0) {
			quiet++ // it may ask for more
		} else {
			quiet = 0
		}
		m.answer()
	}
	m.settle()
	if in, queued := m.s.Pending(); in != 0 || queued != 0 {
		m.t.Fatalf("%d in flight and %d queued after everything is acknowledged", in, queued)
	}
	if m.log != nil {
		m.log.finish()
		return
	}
	if drops := int(m.limits.Drops.QueueFull.Load()); len(m.got) != m.next-drops || m.rejected > drops {
		m.t.Fatalf("of %d messages %d have come, and %d drops are counted", m.next, len(m.got), drops)
	}
	if m.s.End(); m.limits.Held.Messages.Load() != 0 || m.limits.Held.Bytes.Load() != 0 {
		m.t.Fatal("something is held in the end")
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(2000) {
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
		if len(ops) > 500 { // the model looks through all that there was at each
			return
		}
		runModel(t, ops)
	})
}
