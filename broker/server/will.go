package server

import (
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/partition"
	"github.com/dunlin-mqtt/dunlin/broker/store"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
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

// leaveWill publishes w now, or leaves it until its delay has passed, unless the client is back by
// then. cl.mu is held. [MQTT-3.1.3-9]
func (cl *client) leaveWill(w *will) {
	if w != nil && w.delay == 0 {
		cl.will = nil
		cl.srv.publishWill(cl, w)
		return
	}
	cl.will = w
}

// publishWill publishes w if its client may still publish there. The caller may hold its client's
// lock: publishing takes session and store locks only. That it has been published is stored with it.
func (s *Server) publishWill(cl *client, w *will) {
	also := extra{failed: func(w *write, err error) { s.late.keep(cl, w, err) }}
	if cl.logged.Load() {
		also.records = []store.Record{{Part: int(cl.part), Data: partition.AppendWillSent(nil, cl.id)}}
	}
	now := s.now()
	msg := w.msg
	var targets []target
	policy := s.auth.Policy()
	allowed := policy.CanPublish(w.identity, msg.Topic)
	if !topic.IsSys(msg.Topic) && (allowed || policy.Lenient(w.identity)) {
		if !allowed {
			s.tellAudited(cl, w.identity, deniedWill, msg.Topic, msg.Topic)
		}
		targets = s.targets(msg.Topic, nil)
	} else {
		s.measures.denials[deniedWill].Add(1)
		s.auditWill(cl, w)
		s.log.Info("will not published", "client_id", cl.id, "topic", msg.Topic, "reason", "not authorized")
		msg.Retain = false // nobody gets it
	}
	if w.expires {
		msg.Expires = now.UnixMilli() + int64(w.expiry)*1000
	}
	b := s.newBatch(now)
	defer b.end()
	b.out.Reset(&msg, true, b.now)
	s.publish(b, targets, nil, &also)
}

// record is the will as the log has it; nil: there is none.
func (w *will) record() *partition.Will {
	if w == nil {
		return nil
	}
	return &partition.Will{Delay: w.delay, Expiry: w.expiry, HasExpiry: w.expires, Message: message.Append(nil, &w.msg)}
}

// storedWill is the will that the log has of a session; nil: none.
func storedWill(s *partition.Session, id *auth.Identity) (*will, error) {
	if s.Will == nil {
		return nil, nil
	}
	w := &will{identity: id, delay: s.Will.Delay, expiry: s.Will.Expiry, expires: s.Will.HasExpiry}
	if err := message.Parse(s.Will.Message, &w.msg); err != nil {
		return nil, fmt.Errorf("will of session %q: %w", s.Client, err)
	}
	return w, nil
}
