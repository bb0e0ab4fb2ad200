package v5

import (
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var puback = suite.Section{Name: "3.4 PUBACK", Statements: []suite.Statement{
	{ID: "MQTT-3.4.2-1", Says: "reason codes are PUBACK's", Test: codes(packet.TypePuback)},
	{ID: "MQTT-3.4.2-2", Says: "no reason string that makes it too large", Test: noRoom(packet.TypePuback, false)},
	{ID: "MQTT-3.4.2-3", Says: "nor user properties", Test: noRoom(packet.TypePuback, true)},
}}

var pubrec = suite.Section{Name: "3.5 PUBREC", Statements: []suite.Statement{
	{ID: "MQTT-3.5.2-1", Says: "reason codes are PUBREC's", Test: codes(packet.TypePubrec)},
	{ID: "MQTT-3.5.2-2", Says: "no reason string that makes it too large", Test: noRoom(packet.TypePubrec, false)},
	{ID: "MQTT-3.5.2-3", Says: "nor user properties", Test: noRoom(packet.TypePubrec, true)},
}}

var pubrel = suite.Section{Name: "3.6 PUBREL", Statements: []suite.Statement{
	{ID: "MQTT-3.6.1-1", Says: "PUBREL's flags are 0010", Test: check.PubrelFlags},
	{ID: "MQTT-3.6.2-1", Says: "reason codes are PUBREL's", Test: codes(packet.TypePubrel)},
	{ID: "MQTT-3.6.2-2", Says: "no reason string that makes it too large", Test: noRoom(packet.TypePubrel, false)},
	{ID: "MQTT-3.6.2-3", Says: "nor user properties", Test: noRoom(packet.TypePubrel, true)},
}}

var pubcomp = suite.Section{Name: "3.7 PUBCOMP", Statements: []suite.Statement{
	{ID: "MQTT-3.7.2-1", Says: "reason codes are PUBCOMP's", Test: codes(packet.TypePubcomp)},
	{ID: "MQTT-3.7.2-2", Says: "no reason string that makes it too large", Test: noRoom(packet.TypePubcomp, false)},
	{ID: "MQTT-3.7.2-3", Says: "nor user properties", Test: noRoom(packet.TypePubcomp, true)},
}}

// failure is a way to get an acknowledgement that says that something failed.
type failure struct {
	name   string
	answer packet.Type
	plain  int // bytes of the answer with a reason code and no properties
	raw    func(*suite.T) []byte
}

var failures5 = []failure{
	{"PUBACK for a denied topic", packet.TypePuback, 6, func(t *suite.T) []byte { return deniedMessage(t, 1) }},
	{"PUBREC for a denied topic", packet.TypePubrec, 6, func(t *suite.T) []byte { return deniedMessage(t, 2) }},
	{"PUBREL for an unknown identifier", packet.TypePubrel, 6, func(*suite.T) []byte { return []byte{0x50, 2, 0, 77} }},
	{"PUBCOMP for an unknown identifier", packet.TypePubcomp, 6, func(*suite.T) []byte { return []byte{0x62, 2, 0, 77} }},
	{"SUBACK for a bad filter", packet.TypeSuback, 6, func(*suite.T) []byte {
		return suite.Raw(0x82, suite.U16(1), []byte{0}, suite.Str("denied/#"), []byte{0})
	}},
	{"UNSUBACK for no subscription", packet.TypeUnsuback, 6, func(t *suite.T) []byte { return suite.Raw(0xA2, suite.U16(1), []byte{0}, suite.Str(t.Topic("none"))) }},
}

func deniedMessage(t *suite.T, qos byte) []byte {
	m := suite.Message("denied/"+t.ID(""), "x", qos)
	m.PacketID = 5
	return m.Append(nil, packet.V5)
}

// provoke is the answer to what should fail, or nothing if the broker ends the connection over it.
func (f *failure) provoke(t *suite.T, p *suite.Peer) client.Packet {
	t.Helper()
	p.Send(f.raw(t))
	got, over := p.NextOrEnd()
	if over || got.Type == packet.TypeDisconnect {
		return client.Packet{}
	}
	if got.Type != f.answer {
		t.Errorf("%s: %v", f.name, got.Type)
	}
	return got
}

// codes: a success and a failure have codes of their packet. The strict reader of the suite refuses others; the standard
// gives success for what went well.
func codes(kind packet.Type) func(*suite.T) {
	return func(t *suite.T) {
		for i := range failures5 {
			if failures5[i].answer == kind {
				got := failures5[i].provoke(t, t.Client(""))
				if got.Type == kind && !got.Ack.Reason.ValidIn(kind) {
					t.Errorf("%v", got.Ack.Reason)
				}
			}
		}
		sub, pub := t.Client("sub"), t.Client("pub")
		sub.Join(t.Topic("a"), 2)
		for qos := byte(1); qos <= 2; qos++ {
			if r := pub.Publish(suite.Message(t.Topic("a"), "x", qos)); r != packet.Success {
				t.Errorf("QoS %d: %v", qos, r)
			}
			m := sub.ExpectMessage(t.Topic("a"), "x")
			if qos == 1 {
				sub.Accept(m)
				continue
			}
			sub.Ack(packet.TypePubrec, m.PacketID)
			if rel := sub.ExpectAck(packet.TypePubrel, m.PacketID); rel.Reason != packet.Success {
				t.Errorf("PUBREL: %v", rel.Reason)
			}
			sub.Ack(packet.TypePubcomp, m.PacketID)
			sub.Quiet()
		}
		if r := pub.Publish(suite.Message(t.Topic("nobody"), "x", 1)); r != packet.Success && r != packet.NoMatchingSubscribers {
			t.Errorf("without subscriber: %v", r)
		}
	}
}

// noRoom: an acknowledgement of failure has no reason string, or no user properties, if with them it is larger than the
// client takes.
func noRoom(kind packet.Type, user bool) func(*suite.T) {
	return func(t *suite.T) {
		for i := range failures5 {
			f := &failures5[i]
			if f.answer != kind {
				continue
			}
			for _, maximum := range []uint32{6, 10, 20, 40} {
				hello := t.Hello("", true)
				hello.Version = packet.V5
				hello.Properties.MaximumPacketSize = maximum
				p := t.Dial()
				p.Send(hello.Append(nil))
				if got, over := p.NextOrEnd(); over || got.Type != packet.TypeConnack || got.Connack.Reason.Failed() {
					continue // that CONNACK does not fit is another statement's affair
				}
				got := f.provoke(t, p)
				reason, properties := problem(got)
				if tooLarge(maximum, len(got.Raw), user, reason, properties) {
					t.Errorf("%s: %d bytes to a client that takes %d: % x", f.name, len(got.Raw), maximum, got.Raw)
				}
			}
		}
	}
}

// problem is what an acknowledgement says besides its reason code.
func problem(got client.Packet) (reason string, user []packet.UserProperty) {
	switch got.Type {
	case packet.TypeSuback:
		return got.Suback.ReasonString, got.Suback.User
	case packet.TypeUnsuback:
		return got.Unsuback.ReasonString, got.Unsuback.User
	}
	return got.Ack.ReasonString, got.Ack.User
}
