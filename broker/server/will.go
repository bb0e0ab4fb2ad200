package server

import (
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// will is a message that the server publishes if a client goes without saying so. MQTT 5 §3.1.2.5.
type will struct {
	msg      message.Message
	identity *auth.Identity
	delay    uint32 // seconds
	expiry   uint32 // seconds from publication, if hasExpiry
	expires  bool
}

func newWill(p *packet.Connect, id *auth.Identity) *will {
	if p.Will == nil {
		return nil
	}
	return &will{
		msg: message.Message{
			Topic: p.Will.Topic, Payload: p.Will.Payload, Forward: p.Will.Forward,
			QoS: p.Will.QoS, Retain: p.Will.Retain, Publisher: p.ClientID,
		},
		identity: id, delay: p.Will.Delay, expiry: p.Will.Expiry, expires: p.Will.HasExpiry,
	}
}

// scheduleWill sends w now, or after its delay unless the client is back by then. cl.mu is held. [MQTT-3.1.3-9]
func (cl *client) scheduleWill(w *will) {
	switch {
	case w == nil:
	case w.delay == 0:
		cl.srv.publishWill(w)
	default:
		cl.will = w
		cl.willTime = time.AfterFunc(time.Duration(w.delay)*time.Second, func() { cl.willDue(w) })
	}
}

// willDue publishes w, unless the client has come back in the meantime.
func (cl *client) willDue(w *will) {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	if cl.will == w {
		cl.will = nil
		cl.srv.publishWill(w)
	}
}

// publishWill publishes w if its client may still publish there. The caller may hold its client's
// lock: publishing takes session and store locks only.
func (s *Server) publishWill(w *will) {
	if !s.auth.Policy().CanPublish(w.identity, w.msg.Topic) {
		s.log.Info("will not published", "client_id", w.msg.Publisher, "topic", w.msg.Topic, "reason", "not authorized")
		return
	}
	now := s.now()
	msg := w.msg
	if w.expires {
		msg.Expires = now.UnixMilli() + int64(w.expiry)*1000
	}
	b := newBatch(now)
	defer b.end()
	s.publish(b, &msg, true, s.targets(msg.Topic), nil)
}
