package server_test

import (
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// actor is a client identifier with what its client remembers, from connection to connection, of its session. It
// believes only what the standard lets it: MQTT 5 §4.1 and §4.3.
type actor struct {
	play   *play
	id     string
	link   *link // the current one; nil: none
	packet uint16
	wild   bool // it has said things that it knows nothing of

	granted map[string]byte // every filter that this session has asked for, and the highest QoS
	shares  int             // of those, shared ones
	subIDs  map[uint32]bool
	held    map[uint16]*delivery       // the broker's unfinished exchanges
	done    map[uint16]bool            // those that PUBCOMP was sent for, which may have been lost
	came    map[int]int                // how often a payload has come as new
	sent    map[uint16]*packet.Publish // QoS 2 messages whose identifier has not been released
}

// delivery is an exchange of the broker's that the client has not finished.
type delivery struct {
	number int
	qos    byte
	rec    bool  // PUBREC has been sent, and may have been lost
	rel    bool  // PUBREL has come
	link   *link // on which it came last
}

func newActor(p *play, id string) *actor {
	a := &actor{play: p, id: id}
	a.forget()
	return a
}

// forget is the end of the session.
func (a *actor) forget() {
	a.granted, a.subIDs, a.shares = make(map[string]byte), make(map[uint32]bool), 0
	a.held, a.done, a.came = make(map[uint16]*delivery), make(map[uint16]bool), make(map[int]int)
	a.sent = make(map[uint16]*packet.Publish)
}

// id16 is a packet identifier that is not in use.
func (a *actor) id16() uint16 {
	for {
		a.packet = a.packet%60000 + 1
		if a.sent[a.packet] == nil {
			return a.packet
		}
	}
}

// ask notes a filter that is subscribed.
func (a *actor) ask(f packet.Filter) {
	if _, known := a.granted[f.Filter]; !known {
		if _, _, shared, _ := topic.ParseShare(f.Filter); shared {
			a.shares++
		}
	}
	a.granted[f.Filter] = max(a.granted[f.Filter], f.QoS)
}

// asked says whether a message of a topic may come, and with which QoS at most.
func (a *actor) asked(name string) (qos byte, ok bool) {
	for filter, q := range a.granted {
		if _, rest, _, err := topic.ParseShare(filter); err == nil && topic.ValidFilter(filter, 0) == nil && topic.Match(rest, name) {
			qos, ok = max(qos, q), true
		}
	}
	return qos, ok
}

// answer takes one of the broker's exchanges a step further.
func (a *actor) answer() {
	l := a.link
	id, d := a.someHeld()
	if d == nil || d.link != l {
		return
	}
	t, reason := packet.TypePuback, packet.Success
	switch {
	case d.qos == 1:
		delete(a.held, id)
		delete(l.unfinished, id)
	case !d.rec:
		if t = packet.TypePubrec; l.version == packet.V5 && a.play.draw(8) == 0 {
			reason = packet.ImplementationSpecificError
			a.play.repeats[d.number] = true
			delete(a.held, id)
			delete(l.unfinished, id)
			break
		}
		d.rec = true
		l.expect(packet.TypePubrel, id)
	default:
		t = packet.TypePubcomp
		a.done[id] = true
		delete(a.held, id)
		delete(l.unfinished, id)
	}
	ack := packet.Ack{PacketID: id, Reason: reason}
	l.send(ack.Append(nil, t, l.version))
}

// someHeld draws an exchange.
func (a *actor) someHeld() (uint16, *delivery) {
	n := a.play.draw(max(1, len(a.held)))
	for id := uint16(1); id != 0; id++ {
		if d := a.held[id]; d != nil {
			if n == 0 {
				return id, d
			}
			n--
		}
		if n < 0 || len(a.held) == 0 || id > 2000 {
			break
		}
	}
	return 0, nil
}

// answerWrongly acknowledges what there is not, or in a way that does not belong to it.
func (a *actor) answerWrongly() {
	p, l := a.play, a.link
	id := uint16(1 + p.draw(6))
	t := pick(p, packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp)
	ack := packet.Ack{PacketID: id}
	if l.version == packet.V5 && p.draw(3) == 0 {
		ack.Reason = pick(p, packet.PacketIdentifierNotFound, packet.Success)
		if t == packet.TypePuback || t == packet.TypePubrec {
			ack.Reason = pick(p, packet.QuotaExceeded, packet.NoMatchingSubscribers)
		}
	}
	if d := a.held[id]; (d != nil || l.paused) && t != packet.TypePubrel {
		return // it might be right
	}
	switch t {
	case packet.TypePubrel:
		if a.sent[id] != nil {
			return
		}
		l.expect(packet.TypePubcomp, id)
	case packet.TypePubrec:
		if !ack.Reason.Failed() {
			l.expect(packet.TypePubrel, id)
		}
	}
	l.send(ack.Append(nil, t, l.version))
}

// release sends PUBREL for a QoS 2 message of the client's.
func (a *actor) release() {
	for id := range uint16(100) {
		if a.sent[id] != nil && !a.link.waits(packet.TypePubrec, id) {
			delete(a.sent, id)
			a.link.expect(packet.TypePubcomp, id)
			ack := packet.Ack{PacketID: id}
			a.link.send(ack.Append(nil, packet.TypePubrel, a.link.version))
			return
		}
	}
}

// again sends a QoS 2 message that is not released a second time, with DUP: nobody gets it twice.
func (a *actor) again() {
	for id := range uint16(100) {
		if pub := a.sent[id]; pub != nil && !a.link.waits(packet.TypePubrec, id) {
			pub.Dup = true
			a.link.publish(pub)
			return
		}
	}
}
