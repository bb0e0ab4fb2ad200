package server_test

import (
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// take takes one packet from the broker.
func (l *link) take(h packet.Header, body []byte) {
	var err error
	if !l.connected && h.Type != packet.TypeConnack && h.Type != packet.TypeAuth {
		l.play.t.Fatalf("%s: %v before CONNACK", l.actor.id, h.Type)
	}
	switch h.Type {
	case packet.TypeConnack:
		err = l.connack(body)
	case packet.TypePublish:
		err = l.published(h, body)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp:
		err = l.acknowledged(h.Type, body)
	case packet.TypeSuback:
		var p packet.Suback
		err = p.Parse(body, l.version)
		l.answered(h.Type, p.PacketID, len(p.Reasons))
	case packet.TypeUnsuback:
		var p packet.Unsuback
		err = p.Parse(body, l.version)
		n := len(p.Reasons)
		if l.version < packet.V5 {
			n = -1
		}
		l.answered(h.Type, p.PacketID, n)
	case packet.TypePingresp:
		l.arrived(h.Type, 0)
	case packet.TypeDisconnect:
		var p packet.Disconnect
		if err = p.Parse(body, l.version); l.version < packet.V5 || p.HasSessionExpiry {
			l.play.t.Fatalf("%s: DISCONNECT to %v: %+v", l.actor.id, l.version, p)
		}
		l.over5 = true
	case packet.TypeAuth:
		var p packet.Auth
		if err = p.Parse(body); !l.method && !l.wild {
			l.play.t.Fatalf("%s: AUTH that nobody has asked for", l.actor.id)
		}
		l.mayEnd = true // it is not answered
	default:
		l.play.t.Fatalf("%s: %v from a server", l.actor.id, h.Type)
	}
	if err != nil {
		l.play.t.Fatalf("%s: the broker sends %v % x: %v", l.actor.id, h.Type, body, err)
	}
}

func (l *link) connack(body []byte) error {
	if l.wild && len(body) == 2 && !l.connected { // to a CONNECT of anything
		l.version = packet.V311
	}
	var p packet.Connack
	if err := p.Parse(body, l.version); err != nil {
		return err
	}
	t, a := l.play.t, l.actor
	if l.connected {
		t.Fatalf("%s: a second CONNACK", a.id)
	}
	l.opening, l.connected = false, true
	if p.Reason.Failed() {
		if !l.method && !l.wild && l.largest == 0 {
			t.Fatalf("%s: CONNACK %v %s", a.id, p.Reason, p.Properties.ReasonString)
		}
		l.over5, l.mayEnd = true, true
		return nil
	}
	l.aliasTheirs = p.Properties.TopicAliasMaximum
	if l.clean && p.SessionPresent {
		t.Fatalf("%s: a session after a clean start", a.id)
	}
	if (p.Properties.AssignedClientID != "") != (l.anonymous && l.version == packet.V5) && !l.wild {
		t.Fatalf("%s: assigned client identifier %q", a.id, p.Properties.AssignedClientID)
	}
	switch {
	case l.anonymous, a.link != l, p.SessionPresent:
	case l.version == packet.V31 && !l.clean: // it does not say whether there is a session
		a.wild = true
		clear(a.sent)
	default:
		a.forget()
		a.wild = false
	}
	return nil
}

// arrived notes an answer; one that is not awaited is a failure.
func (l *link) arrived(t packet.Type, id uint16) {
	if l.wild || l.actor.link != l {
		return
	}
	if !l.waits(t, id) {
		l.play.t.Fatalf("%s: %v %d is not the answer to anything", l.actor.id, t, id)
	}
	l.awaited[awaited{t, id}]--
}

// answered is arrived of SUBACK and UNSUBACK with n reason codes; below 0: the version has none.
func (l *link) answered(t packet.Type, id uint16, n int) {
	l.arrived(t, id)
	if want, known := l.filters[id]; known && n >= 0 && n != want {
		l.play.t.Fatalf("%s: %v with %d reason codes for %d filters", l.actor.id, t, n, want)
	}
}

func (l *link) acknowledged(t packet.Type, body []byte) error {
	var p packet.Ack
	if err := p.Parse(t, body, l.version); err != nil {
		return err
	}
	if t == packet.TypePubrel {
		l.released(p.PacketID)
		return nil
	}
	l.arrived(t, p.PacketID)
	if t == packet.TypePubrec && p.Reason.Failed() {
		delete(l.actor.sent, p.PacketID)
	}
	return nil
}

// released takes PUBREL. After a reconnect it comes again, unasked, if the broker has PUBREC and not PUBCOMP.
func (l *link) released(id uint16) {
	a := l.actor
	d := a.held[id]
	switch {
	case l.waits(packet.TypePubrel, id):
		l.awaited[awaited{packet.TypePubrel, id}]--
	case l.wild || a.wild || a.link != l:
	case d == nil && a.done[id]:
		d = &delivery{qos: 2, rec: true}
		a.held[id] = d
	case d == nil || !d.rec || d.link == l:
		l.play.t.Fatalf("%s: PUBREL %d without PUBREC", a.id, id)
	}
	if d != nil {
		d.link, d.rel = l, true
	}
}

// published checks a message against what the client knows of its session.
func (l *link) published(h packet.Header, body []byte) error {
	var p packet.Publish
	if err := p.Parse(h.Flags, body, l.version); err != nil {
		return err
	}
	t, a := l.play.t, l.actor
	name := l.named(&p)
	if l.wild || a.wild || l.anonymous || a.link != l {
		return nil
	}
	qos, asked := a.asked(name)
	if !asked || p.QoS > qos {
		t.Fatalf("%s: %q of QoS %d, and %v, %d is what was asked for", a.id, name, p.QoS, asked, qos)
	}
	for _, id := range p.SubscriptionIDs {
		if !a.subIDs[id] {
			t.Fatalf("%s: subscription identifier %d", a.id, id)
		}
	}
	n, again := number(p.Payload), false
	if p.QoS > 0 {
		again = l.hold(&p, n)
	}
	if n == 0 || p.Retain || again || p.Dup && p.QoS == 1 {
		return nil
	}
	if a.came[n]++; a.came[n] > 1+a.shares && !l.play.repeats[n] {
		t.Fatalf("%s: payload %d comes %d times (QoS %d, DUP %v)", a.id, n, a.came[n], p.QoS, p.Dup)
	}
	return nil
}

// hold begins an exchange; again says that it had begun before.
func (l *link) hold(p *packet.Publish, n int) (again bool) {
	t, a := l.play.t, l.actor
	d := a.held[p.PacketID]
	switch {
	case d == nil:
		a.held[p.PacketID] = &delivery{number: n, qos: p.QoS, link: l}
		delete(a.done, p.PacketID)
	case d.link == l, !p.Dup, d.number != n, d.rel:
		t.Fatalf("%s: PUBLISH %d of payload %d, and its identifier is in use for %+v", a.id, p.PacketID, n, *d)
	default:
		d.link, d.rec, again = l, false, true
	}
	l.unfinished[p.PacketID] = struct{}{}
	if len(l.unfinished) > l.most {
		t.Fatalf("%s: %d messages are unfinished, and %d may be", a.id, len(l.unfinished), l.most)
	}
	return again
}

// named is the topic's name, which an alias may stand for.
func (l *link) named(p *packet.Publish) string {
	if p.Alias == 0 {
		return string(p.Topic)
	}
	if p.Alias > l.aliasMost && !l.wild {
		l.play.t.Fatalf("%s: topic alias %d, and %d is the maximum", l.actor.id, p.Alias, l.aliasMost)
	}
	if len(p.Topic) > 0 {
		l.aliases[p.Alias] = string(p.Topic)
	} else if l.aliases[p.Alias] == "" && !l.wild {
		l.play.t.Fatalf("%s: topic alias %d stands for nothing", l.actor.id, p.Alias)
	}
	return l.aliases[p.Alias]
}
