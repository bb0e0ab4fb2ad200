package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/listener"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// connect reads CONNECT, authenticates and attaches the session, and answers with CONNACK.
func (c *conn) connect(ctx context.Context) error {
	p, err := c.readConnect()
	if err == nil {
		if err = c.admit(ctx, p); ctx.Err() != nil { // whatever else is the matter
			err = c.srv.farewell()
		} else if err != nil {
			c.noteRefused(p, err)
		}
	}
	if err != nil {
		c.refuse(p, err)
		return err
	}
	c.grant(p)
	if err := c.fitConnack(p); err != nil {
		c.refuse(p, err)
		return err
	}
	c.will = newWill(p, c.identity)
	if err := c.srv.attach(c, p); err != nil {
		c.refuse(p, err)
		return err
	}
	c.hold(c.identity)
	c.peer.authData = nil                       // it has been sent
	if !c.srv.auth.Policy().Valid(c.identity) { // revoked since it was authenticated
		c.kick(errRevoked)
	}
	c.checkCertificate() // as much
	b := c.srv.newBatch(c.srv.now())
	b.wake(c)
	b.wake(c.sess.Resume(b.now))
	b.load(c.sess.Hungry())
	b.end()
	c.feed()
	c.auditConnected()
	if c.srv.log.Enabled(ctx, slog.LevelDebug) {
		c.srv.log.Debug("connected", "client_id", p.ClientID, "listener", c.listener.Name, "peer", c.nc.RemoteAddr().String())
	}
	return nil
}

// errClientHello ends a connection that begins with a TLS handshake where there is no TLS.
var errClientHello = &packet.Error{Reason: packet.MalformedPacket, Clause: "MQTT 5 §4.13.1", Detail: "the client speaks TLS, which this listener does not"}

// readConnect reads the first packet.
func (c *conn) readConnect() (*packet.Connect, error) {
	p := new(packet.Connect)
	return p, c.readOne(p, func(h packet.Header, body []byte) error {
		if h.Type != packet.TypeConnect { // [MQTT-3.1.0-1]
			return &packet.Error{Reason: packet.ProtocolError, Clause: "MQTT-3.1.0-1", Detail: "first packet is " + h.Type.String() + ", not CONNECT"}
		}
		err := packet.CheckUserProperties(h, body, int(c.srv.cfg.MQTT.MaxUserProperties))
		if err != nil {
			p.Version = packet.V5
			p.Properties.NoProblemInformation = true // how large a packet it takes has not been read [MQTT-3.1.2-24]
		} else {
			err = p.Parse(body)
		}
		c.peer.version = p.Version
		c.peer.maxPacketSize = p.Properties.MaximumPacketSize
		c.peer.problemInfo = !p.Properties.NoProblemInformation
		return err
	})
}

// readOne reads one packet of the client that p is of, which parse takes. What follows it in the same read is left for the next.
func (c *conn) readOne(p *packet.Connect, parse func(h packet.Header, body []byte) error) error {
	for {
		data, err := c.in.next()
		if err != nil {
			return err
		}
		if p.Version == 0 && c.listener.Protocol == config.ProtocolMQTT && listener.IsClientHello(data) {
			return errClientHello
		}
		h, body, n, need, err := packet.Next(data, int(c.srv.cfg.MQTT.MaxPacketSizeBytes))
		if err == nil && n == 0 {
			c.in.need(need)
			c.in.consumed(data, 0)
			continue
		}
		if err == nil {
			err = parse(h, body)
			if c.srv.tracer.On() {
				c.srv.tracer.Packet(true, c.says(p), h, body, n)
			}
		}
		c.srv.countReceived(h.Type, n)
		c.receivedBytes.Add(uint64(n))
		c.in.consumed(data, n)
		c.in.again = true
		return err
	}
}

// admit refuses a CONNECT that the broker cannot serve, and authenticates it.
func (c *conn) admit(ctx context.Context, p *packet.Connect) error {
	if err := c.letIn(); err != nil {
		return err
	}
	if p.ClientID == "" {
		if p.Version != packet.V5 && !p.CleanStart || p.Version == packet.V31 { // [MQTT-3.1.3-8 of 3.1.1]
			return &packet.Error{Reason: packet.ClientIdentifierNotValid, Clause: "MQTT-3.1.3-8", Detail: "an empty client identifier needs a clean session"}
		}
		p.ClientID = "auto-" + rand.Text() // [MQTT-3.1.3-6] [MQTT-3.1.3-7]
		c.peer.assigned = true
	}
	if err := c.admitWill(p.Will); err != nil {
		return err
	}
	if err := c.authenticate(ctx, p); err != nil {
		return err
	}
	c.renew(c.identity)
	return c.letClientIn()
}

func (c *conn) admitWill(w *packet.Will) error {
	m := &c.srv.cfg.MQTT
	switch {
	case w == nil:
		return nil
	case int32(w.QoS) > *m.MaxQoS:
		return &packet.Error{Reason: packet.QoSNotSupported, Clause: "MQTT-3.2.2-12", Detail: "the will's QoS is above the Maximum QoS"}
	case w.Retain && !*m.RetainAvailable:
		return &packet.Error{Reason: packet.RetainNotSupported, Clause: "MQTT-3.2.2-13", Detail: "the will is to be retained, which is not available"}
	case m.ValidatePayloadFormat && !formatHolds(w.Forward, w.Payload):
		return &packet.Error{Reason: packet.PayloadFormatInvalid, Clause: clauseFormat, Detail: "will: " + whyNotUTF8}
	}
	if err := validName(w.Topic, m); err != nil {
		return &packet.Error{Reason: packet.TopicNameInvalid, Clause: "MQTT-3.1.3-11", Detail: "will: " + err.Error()}
	}
	return nil
}

// grant settles keep alive and session expiry.
func (c *conn) grant(p *packet.Connect) {
	m := &c.srv.cfg.MQTT
	keepAlive := int32(p.KeepAlive)
	if limit := m.KeepAliveMaxSeconds; limit > 0 && (keepAlive == 0 || keepAlive > limit) {
		keepAlive = limit
	}
	c.peer.keepAlive = time.Duration(keepAlive) * time.Second * 3 / 2
	switch {
	case p.Version == packet.V5:
		c.peer.sessionExpiry = c.srv.grantExpiry(p.Properties.SessionExpiry)
	case !p.CleanStart:
		c.peer.sessionExpiry = c.srv.grantExpiry(neverExpires)
	}
	c.peer.cleanStart = p.CleanStart
	c.since = c.srv.now().UnixMilli()
}

func (s *Server) grantExpiry(wanted uint32) uint32 {
	return uint32(min(int64(wanted), s.cfg.MQTT.SessionExpiryMaxSeconds))
}

// fitConnack sees to it that CONNACK is no larger than the client takes. [MQTT-3.1.2-24]
func (c *conn) fitConnack(p *packet.Connect) error {
	if c.peer.maxPacketSize == 0 || c.fits(c.connack(p, false)) {
		return nil
	}
	p.Properties.RequestResponseInformation = false // it may go without
	if c.fits(c.connack(p, false)) {
		return nil
	}
	return &packet.Error{Reason: packet.PacketTooLarge, Clause: "MQTT-3.1.2-24", Detail: "CONNACK is larger than the client's Maximum Packet Size"}
}

// connack is the CONNACK of a success. MQTT 5 §3.2.2.3.
func (c *conn) connack(p *packet.Connect, present bool) []byte {
	m := &c.srv.cfg.MQTT
	ok := packet.Connack{SessionPresent: present}
	props := &ok.Properties
	props.ReceiveMaximum = uint16(m.ReceiveMaximum)
	props.MaximumPacketSize = uint32(m.MaxPacketSizeBytes)
	props.TopicAliasMaximum = uint16(*m.TopicAliasMaximum)
	props.NoRetain = !*m.RetainAvailable
	props.NoWildcard = !*m.WildcardSubscriptionAvailable
	props.NoShared = !*m.SharedSubscriptionAvailable
	if *m.MaxQoS < 2 {
		props.MaximumQoS, props.HasMaximumQoS = byte(*m.MaxQoS), true
	}
	if p.Properties.RequestResponseInformation { // [MQTT-3.1.2-28]
		props.ResponseInformation = c.responseInformation()
	}
	props.AuthMethod, props.AuthData = c.peer.authMethod, c.peer.authData // [MQTT-4.12.0-5]
	if c.peer.assigned {
		props.AssignedClientID = p.ClientID
	}
	if p.Properties.SessionExpiry != c.peer.sessionExpiry {
		props.SessionExpiry, props.HasSessionExpiry = c.peer.sessionExpiry, true
	}
	if granted := uint16(c.peer.keepAlive / (time.Second * 3 / 2)); granted != p.KeepAlive {
		props.ServerKeepAlive, props.HasServerKeepAlive = granted, true
	}
	return ok.Append(nil, c.peer.version)
}

// refuse answers a CONNECT that failed, if it was a CONNECT of a version that has an answer. [MQTT-3.1.4-1]
func (c *conn) refuse(p *packet.Connect, err error) {
	c.auditRefused(p, err)
	var perr *packet.Error
	if !errors.As(err, &perr) || c.peer.version == 0 {
		return
	}
	code, ok := packet.ConnackCode(c.peer.version, perr.Reason)
	if !ok || code == 0 {
		return
	}
	answer := c.connackOf(perr)
	if !c.fits(answer) {
		return
	}
	c.srv.countSent(answer)
	c.srv.tracer.Packets(false, c.says(p), answer)
	_ = c.nc.SetWriteDeadline(time.Now().Add(goodbyeTimeout))
	_, _ = c.nc.Write(answer) // a peer that is gone needs no answer
}
