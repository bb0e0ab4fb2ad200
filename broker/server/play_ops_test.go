package server_test

import (
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// step is one operation of one client.
func (p *play) step() {
	a := p.actors[p.draw(len(p.actors))]
	if a.link != nil && a.link.over() {
		a.link = nil
	}
	switch op := p.draw(32); {
	case op == 0:
		p.restart()
	case op == 1:
		p.pass(pick(p, time.Second, 2*time.Second, 11*time.Second, 40*time.Second, 120*time.Second))
	case op == 2 && !p.tame:
		p.anything(a)
	case op == 3 || a.link == nil:
		a.connect()
	case op == 4:
		a.link.close()
	case !a.link.connected: // what follows is for a client that knows its session
	case op == 5:
		a.disconnect()
	case op == 6:
		a.link.pause()
	case op <= 9:
		a.link.resume()
	case op <= 13:
		a.subscribe()
	case op == 14:
		a.unsubscribe()
	case op <= 21:
		a.publish()
	case op <= 26:
		a.answer()
	case op == 27:
		a.answerWrongly()
	case op == 28:
		a.release()
	case op <= 30:
		a.again()
	default:
		a.link.expect(packet.TypePingresp, 0)
		a.link.send(packet.AppendPingreq(nil))
	}
}

// anything sends bytes as they are drawn, or a packet that a client must not send now, perhaps before CONNECT.
func (p *play) anything(a *actor) {
	l := a.link
	if l == nil || p.draw(4) == 0 {
		p.chaos = true
		l = newLink(p, a)
	}
	l.wild, l.mayEnd, a.wild = true, true, true
	v := l.version
	switch p.draw(8) {
	case 0:
		l.send(p.bytes(1 + p.draw(40)))
	case 1:
		p.chaos = true
		l.send((&packet.Connect{ClientID: a.id, Version: pick(p, playVersions...), CleanStart: true}).Append(nil))
	case 2: // a whole packet of any type, with a body of anything
		p.chaos = true
		first := byte(p.draw(256))
		body := p.bytes(p.draw(60))
		l.send(append(append([]byte{first}, byte(len(body))), body...))
	case 3:
		l.send((&packet.Suback{PacketID: 1, Reasons: []packet.ReasonCode{0}}).Append(nil, v))
	case 4: // the last filter lacks its options
		l.send([]byte{0x82, 6, 0, 1, 0, 0, 1, 'a'})
	case 5:
		pub := packet.Publish{QoS: byte(p.draw(3)), PacketID: 7, Alias: uint16(p.draw(5)), Topic: []byte(pick(p, "", "a")), Payload: p.payload(0)}
		l.send(pub.Append(nil, packet.V5))
	case 6:
		l.send((&packet.Auth{Reason: pick(p, packet.ReAuthenticate, packet.ContinueAuthentication, packet.Success), Method: "SCRAM-SHA-256", Data: p.bytes(9)}).Append(nil))
	default:
		l.send([]byte{byte(p.draw(256)), 0xFF, 0xFF, 0xFF, byte(p.draw(256))})
	}
}

// connect opens a connection; one that the client has is taken over.
func (a *actor) connect() {
	p := a.play
	c := packet.Connect{ClientID: a.id, Version: pick(p, playVersions...), CleanStart: p.draw(3) == 0, KeepAlive: pick[uint16](p, 0, 0, 10, 60)}
	l := newLink(p, a)
	l.version, l.most = c.Version, int(p.cfg.MQTT.MaxInflight)
	l.keepAlive = time.Duration(c.KeepAlive) * time.Second * 3 / 2
	if c.Version == packet.V5 {
		a.properties(&c, l)
	}
	if p.draw(4) == 0 {
		c.Will = &packet.Will{Topic: pick(p, "a", "w", "a/b"), Payload: p.payload(p.draw(20)), QoS: byte(p.draw(3)), Retain: p.draw(3) == 0}
		if c.Version == packet.V5 {
			c.Will.Delay = pick[uint32](p, 0, 1, 30)
		}
	}
	if p.draw(8) == 0 && (c.Version == packet.V5 || c.Version == packet.V311) {
		c.ClientID, c.CleanStart = "", true
		l.anonymous = true
	} else {
		if a.link != nil {
			a.link.mayEnd = true
		}
		a.link = l
	}
	l.clean, l.opening = c.CleanStart, true
	l.send(c.Append(nil))
}

// properties draws CONNECT's of version 5.
func (a *actor) properties(c *packet.Connect, l *link) {
	p := a.play
	props := &c.Properties
	props.SessionExpiry, props.HasSessionExpiry = pick[uint32](p, 100, 0, 5, 0xFFFFFFFF), true
	if props.ReceiveMaximum = uint16(p.draw(4)); props.ReceiveMaximum > 0 {
		l.most = min(l.most, int(props.ReceiveMaximum))
	}
	props.TopicAliasMaximum = uint16(p.draw(4))
	l.aliasMost = props.TopicAliasMaximum
	props.NoProblemInformation = p.draw(4) == 0
	props.RequestResponseInformation = p.draw(4) == 0
	switch p.draw(8) {
	case 0:
		props.MaximumPacketSize = uint32(1 + p.draw(200))
	case 1:
		props.User = []packet.UserProperty{{Name: "a", Value: "b"}, {Name: "a", Value: ""}}
	case 2:
		props.AuthMethod, props.AuthData = pick(p, "SCRAM-SHA-256", "SCRAM-SHA-512", "x"), p.bytes(p.draw(20))
		l.method = true
	}
	l.largest = int(props.MaximumPacketSize)
	l.mayEnd = l.largest > 0 // no CONNACK may be small enough
}

func (a *actor) disconnect() {
	d := packet.Disconnect{}
	if a.link.version == packet.V5 {
		d.Reason = pick(a.play, packet.NormalDisconnection, packet.DisconnectWithWill, packet.UnspecifiedError)
		if a.play.draw(3) == 0 {
			d.SessionExpiry, d.HasSessionExpiry = pick[uint32](a.play, 0, 1, 50), true
		}
	}
	a.link.mayEnd = true
	a.link.send(d.Append(nil, a.link.version))
}

func (a *actor) subscribe() {
	p, l := a.play, a.link
	s := packet.Subscribe{PacketID: a.id16()}
	if l.version == packet.V5 {
		if s.SubscriptionID = uint32(p.draw(4)) * 100; s.SubscriptionID != 0 {
			a.subIDs[s.SubscriptionID] = true
		}
	}
	for range 1 + p.draw(3) {
		f := packet.Filter{Filter: pick(p, playFilters...), QoS: byte(p.draw(3))}
		if l.version == packet.V5 {
			f.RetainHandling, f.RetainAsPublished = byte(p.draw(3)), p.draw(2) == 0
			f.NoLocal = p.draw(4) == 0 && f.Filter[0] != '$'
		}
		s.Filters = append(s.Filters, f)
		a.ask(f)
	}
	l.filters[s.PacketID] = len(s.Filters)
	l.expect(packet.TypeSuback, s.PacketID)
	l.send(s.Append(nil, l.version))
}

func (a *actor) unsubscribe() {
	p, l := a.play, a.link
	u := packet.Unsubscribe{PacketID: a.id16()}
	for range 1 + p.draw(3) {
		u.Filters = append(u.Filters, pick(p, playFilters...))
	}
	l.filters[u.PacketID] = len(u.Filters)
	l.expect(packet.TypeUnsuback, u.PacketID)
	l.send(u.Append(nil, l.version))
}

// publish publishes something new.
func (a *actor) publish() {
	p, l := a.play, a.link
	pub := packet.Publish{Topic: []byte(pick(p, playTopics...)), QoS: byte(p.draw(3)), Retain: p.draw(5) == 0}
	switch p.draw(8) {
	case 0:
		pub.Payload = nil // clears, if retained
	case 1:
		pub.Payload = p.payload(pick(p, 200, 900, 3000, 6000, 17_000))
	default:
		pub.Payload = p.payload(0)
	}
	if l.version == packet.V5 {
		if p.draw(6) == 0 {
			pub.Expiry, pub.HasExpiry = pick[uint32](p, 0, 1, 30), true
		}
		if p.draw(6) == 0 {
			pub.Forward = []byte{1, 1, 0x26, 0, 1, 'k', 0, 1, 'v', 8, 0, 1, 'r'}
		}
	}
	if pub.QoS > 0 {
		pub.PacketID = a.id16()
	}
	if l.aliasTheirs > 0 && p.draw(3) == 0 {
		pub.Alias = uint16(1 + p.draw(int(l.aliasTheirs)))
		if l.aliasOurs[pub.Alias] == string(pub.Topic) {
			pub.Topic = nil
		} else {
			l.aliasOurs[pub.Alias] = string(pub.Topic)
		}
	}
	l.publish(&pub)
}
