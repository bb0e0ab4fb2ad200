package check

import (
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// FirstPacket checks that what comes before CONNECT ends the connection.
func FirstPacket(t *suite.T) {
	for name, raw := range map[string][]byte{
		"PUBLISH":   suite.Raw(0x30, suite.Str(t.Topic("a")), t.Props(), []byte("x")),
		"SUBSCRIBE": suite.Raw(0x82, suite.U16(1), t.Props(), suite.Str(t.Topic("a")), []byte{0}),
		"PINGREQ":   {0xC0, 0}, "DISCONNECT": {0xE0, 0}, "CONNACK": {0x20, 2, 0, 0}, "PUBACK": {0x40, 2, 0, 1}, "PUBREL": {0x62, 2, 0, 1},
	} {
		t.Sub(name, func(t *suite.T) {
			p := t.Dial()
			p.Send(raw)
			p.Gone()
		})
	}
}

// SecondConnect checks that a second CONNECT ends the connection.
func SecondConnect(t *suite.T) {
	hello := t.Hello("", true)
	hello.Version = t.Version
	p := t.Connect(hello)
	p.Send(hello.Append(nil))
	p.End(packet.ProtocolError)
}

// ProtocolName checks that with another protocol name there is no session.
func ProtocolName(t *suite.T) {
	for _, name := range []string{"MQTX", "mqtt", "MQT", "MQTTT", "", "MQIsdq"} {
		p := t.Dial()
		p.Send(suite.Raw(0x10, suite.Str(name), []byte{byte(t.Version), 2, 0, 60}, t.Props(), suite.Str(t.ID(""))))
		p.Refused(packet.UnsupportedProtocolVersion, packet.ProtocolError, packet.MalformedPacket)
	}
}

// ReservedFlag checks that the reserved connect flag ends the connection.
func ReservedFlag(t *suite.T) {
	refusedConnect(t, connectWith(t, 0x03, suite.Str(t.ID(""))), packet.MalformedPacket)
	refusedConnect(t, connectWith(t, 0x01, suite.Str(t.ID(""))), packet.MalformedPacket)
}

// WillFields checks that the will flag needs a will topic and payload.
func WillFields(t *suite.T) {
	id := suite.Str(t.ID(""))
	refusedConnect(t, connectWith(t, 0x06, id), packet.MalformedPacket)
	if t.V5() {
		refusedConnect(t, connectWith(t, 0x06, id, t.Props()), packet.MalformedPacket)
	}
	refusedConnect(t, connectWith(t, 0x06, id, t.Props(), suite.Str(t.Topic("w"))), packet.MalformedPacket)
	refusedConnect(t, connectWith(t, 0x06, id, t.Props(), suite.Str(t.Topic("w")), []byte{0, 5, 'x'}), packet.MalformedPacket)
	watch := t.Client("watch")
	for qos := range byte(3) { // they are used
		for retain := range byte(2) {
			topic := t.Topic("will/" + string('0'+qos) + string('0'+retain))
			watch.Join(topic, 2)
			p := t.Dial()
			p.Send(connectWith(t, 0x06|qos<<3|retain<<5, id, t.Props(), suite.Str(topic), suite.Str("")))
			p.Expect(packet.TypeConnack)
			p.Close()
			if got := watch.Take(topic, ""); got.QoS != qos {
				t.Errorf("a will of QoS %d comes with QoS %d", qos, got.QoS)
			}
		}
	}
}

// WillFieldsWithoutFlag checks that without the will flag there are no will fields.
func WillFieldsWithoutFlag(t *suite.T) {
	id := suite.Str(t.ID(""))
	for _, flags := range []byte{0x0A, 0x12, 0x22} {
		refusedConnect(t, connectWith(t, flags, id), packet.MalformedPacket, packet.ProtocolError)
	}
	refusedConnect(t, connectWith(t, 0x02, id, t.Props(), suite.Str(t.Topic("w")), suite.Str("x")), packet.MalformedPacket, packet.ProtocolError)
}

// WillQoSWithoutFlag checks that without the will flag the will's QoS is 0.
func WillQoSWithoutFlag(t *suite.T) {
	for _, flags := range []byte{0x0A, 0x12, 0x1A} {
		refusedConnect(t, connectWith(t, flags, suite.Str(t.ID(""))), packet.MalformedPacket, packet.ProtocolError)
	}
}

// WillRetainWithoutFlag checks that without the will flag there is no will retain.
func WillRetainWithoutFlag(t *suite.T) {
	refusedConnect(t, connectWith(t, 0x22, suite.Str(t.ID(""))), packet.MalformedPacket, packet.ProtocolError)
}

// WillQoS checks that the will's QoS is 0, 1 or 2, not 3.
func WillQoS(t *suite.T) {
	for qos := range byte(4) {
		raw := connectWith(t, 0x06|qos<<3, suite.Str(t.ID("")), t.Props(), suite.Str(t.Topic("w")), suite.Str("x"))
		if qos == 3 {
			refusedConnect(t, raw, packet.MalformedPacket, packet.ProtocolError)
			return
		}
		p := t.Dial()
		p.Send(raw)
		if got := p.Expect(packet.TypeConnack).Connack.Reason; got != packet.Success {
			t.Errorf("will of QoS %d: %v", qos, got)
		}
		p.Leave()
	}
}

// NoUsername checks that without the user name flag there is no user name.
func NoUsername(t *suite.T) {
	refusedConnect(t, connectWith(t, 0x02, suite.Str(t.ID("")), suite.Str("user")), packet.MalformedPacket, packet.ProtocolError)
}

// Username checks that with the user name flag there is a user name.
func Username(t *suite.T) {
	refusedConnect(t, connectWith(t, 0x82, suite.Str(t.ID(""))), packet.MalformedPacket)
	refusedConnect(t, connectWith(t, 0x82, suite.Str(t.ID("")), []byte{0, 9, 'u'}), packet.MalformedPacket)
}

// NoPassword checks that without the password flag there is no password.
func NoPassword(t *suite.T) {
	refusedConnect(t, connectWith(t, 0x82, suite.Str(t.ID("")), suite.Str("user"), suite.Str("password")), packet.MalformedPacket, packet.ProtocolError)
}

// Password checks that with the password flag there is a password.
func Password(t *suite.T) {
	refusedConnect(t, connectWith(t, 0xC2, suite.Str(t.ID("")), suite.Str("user")), packet.MalformedPacket)
	refusedConnect(t, connectWith(t, 0xC2, suite.Str(t.ID("")), suite.Str("user"), []byte{0, 9, 'p'}), packet.MalformedPacket)
}

// KeepAlive checks that after one and a half keep alives of silence, and not before one, the connection ends as if it had failed.
func KeepAlive(t *suite.T) {
	watch := t.Client("watch")
	watch.Join(t.Topic("will"), 0)
	hello := t.Hello("", true)
	hello.KeepAlive = 1
	hello.Will = &packet.Will{Topic: t.Topic("will"), Payload: []byte("w")}
	began := time.Now()
	p := t.Connect(hello)
	p.End(packet.KeepAliveTimeout)
	if lasted := time.Since(began); lasted < time.Second || lasted > 4*time.Second {
		t.Errorf("a keep alive of 1 s ends the connection after %v", lasted)
	}
	watch.Take(t.Topic("will"), "w")
}

// PayloadOrder checks that the fields of the payload come in their order.
func PayloadOrder(t *suite.T) {
	watch := t.Client("watch")
	watch.Join(t.Topic("will"), 0)
	p := t.Dial()
	p.Send(connectWith(t, 0xC6, suite.Str(t.ID("")), t.Props(), suite.Str(t.Topic("will")), suite.Str("payload"), suite.Str("user"), suite.Str("password")))
	ack := p.Expect(packet.TypeConnack).Connack
	if ack.Reason == packet.Success {
		p.Close()
		watch.Take(t.Topic("will"), "payload")
	} else if ack.Reason != packet.BadUserNameOrPassword && ack.Reason != packet.NotAuthorized {
		t.Errorf("CONNACK: %v", ack.Reason)
	}
	p = t.Dial()
	p.Send(connectWith(t, 0x06, suite.Str(t.ID("")), t.Props(), suite.Str(t.Topic("will")), suite.Str("first")))
	p.Expect(packet.TypeConnack)
	p.Close()
	watch.Take(t.Topic("will"), "first")
}

// ClientIDNamesState checks that the client identifier says whose session it is.
func ClientIDNamesState(t *suite.T) {
	topic := t.Topic("a")
	one := t.Keep("one")
	one.Join(topic, 1)
	one.Leave()
	two := t.Keep("two")
	pub := t.Client("pub")
	pub.Say(topic, "for one", 1)
	two.Quiet()
	t.Keep("one").Take(topic, "for one")
}

// ClientIDPresent checks that a payload without client identifier ends the connection.
func ClientIDPresent(t *suite.T) {
	refusedConnect(t, connectWith(t, 0x02), packet.MalformedPacket, packet.ProtocolError, packet.ClientIdentifierNotValid)
	refusedConnect(t, connectWith(t, 0x02, []byte{0}), packet.MalformedPacket)
	refusedConnect(t, connectWith(t, 0x02, []byte{0, 4, 'a'}), packet.MalformedPacket)
}

// ClientIDAllowed checks that client identifiers of 1 to 23 letters and digits are let in.
func ClientIDAllowed(t *suite.T) {
	const all = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	ids := []string{all[:23], all[23:46], all[39:], "Z", "0"}
	for n := 2; n < 23; n++ {
		ids = append(ids, strings.Repeat("a", n))
	}
	for _, id := range ids {
		p := t.Connect(packet.Connect{ClientID: id, CleanStart: true})
		p.Leave()
	}
}

// MalformedConnect checks that CONNECTs that do not conform get no CONNACK before MQTT 5.
func MalformedConnect(t *suite.T) {
	id := suite.Str(t.ID(""))
	for name, raw := range map[string][]byte{
		"empty":            {0x10, 0},
		"name only":        suite.Raw(0x10, suite.Str("MQTT")),
		"no flags":         suite.Raw(0x10, suite.Str("MQTT"), []byte{byte(t.Version)}),
		"no keep alive":    suite.Raw(0x10, suite.Str("MQTT"), []byte{byte(t.Version), 2}),
		"no payload":       connectWith(t, 2),
		"reserved flag":    connectWith(t, 3, id),
		"will QoS 3":       connectWith(t, 0x1E, id, t.Props(), suite.Str("w"), suite.Str("x")),
		"trailing byte":    connectWith(t, 2, id, []byte{0}),
		"user name absent": connectWith(t, 0x82, id),
		"header flags":     append([]byte{0x11}, connectWith(t, 2, id)[1:]...),
		"name cut":         suite.Raw(0x10, []byte{0, 4, 'M', 'Q'}),
	} {
		t.Sub(name, func(t *suite.T) { refusedConnect(t, raw) })
	}
}

// Takeover checks that a second connection with a client identifier ends the first.
func Takeover(t *suite.T) {
	for _, clean := range []bool{true, false} {
		first := t.Connect(t.Hello("x", clean))
		second := t.Connect(t.Hello("x", clean))
		first.End(packet.SessionTakenOver)
		second.Quiet()
	}
}

// Accepted checks that a good CONNECT gets a CONNACK of success.
func Accepted(t *suite.T) {
	p := t.Dial()
	if ack := p.Connect(t.Hello("", true)); ack.Reason != packet.Success {
		t.Errorf("CONNACK: %v", ack.Reason)
	}
	p.Quiet()
}

// refusedHello is a CONNECT of the test's version that is well-formed and refused by CONNACK.
func refusedHello(t *suite.T) packet.Connect {
	if t.V5() {
		hello := t.Hello("", true)
		hello.Version = t.Version
		hello.Properties.AuthMethod = "no-such-method"
		return hello
	}
	return packet.Connect{Version: t.Version} // without identifier and not clean
}

// RefusedProcessesNothing checks that what follows a CONNECT that is refused is not acted on.
func RefusedProcessesNothing(t *suite.T) {
	topic := t.Topic("a")
	watch := t.Client("watch")
	watch.Join(topic, 1)
	hello := refusedHello(t)
	m := suite.Message(topic, "after a refusal", 0)
	p := t.Dial()
	p.Send(m.Append(hello.Append(nil), t.Version))
	if got := p.Packet(); got.Type != packet.TypeConnack || !got.Connack.Reason.Failed() {
		t.Errorf("%v instead of a refusal", got.Type)
	}
	p.Gone()
	t.Client("pub").Say(topic, "marker", 1)
	watch.Take(topic, "marker")
}

// ConnackFirst checks that CONNACK comes before the messages that wait for the session.
func ConnackFirst(t *suite.T) {
	topic := t.Topic("a")
	sub := t.Keep("sub")
	sub.Join(topic, 1)
	sub.Leave()
	t.Client("pub").Say(topic, "waiting", 1)
	sub = t.Dial()
	hello := t.Hello("sub", false)
	hello.Version = t.Version
	sub.Send(append(hello.Append(nil), 0xC0, 0))
	sub.Expect(packet.TypeConnack)
	for got := sub.Packet(); got.Type != packet.TypePublish; got = sub.Packet() {
		if got.Type != packet.TypePingresp {
			t.Fatalf("%v", got.Type)
		}
	}
}

// RefusalWithoutSession checks that a CONNACK of failure has no session present.
func RefusalWithoutSession(t *suite.T) {
	hello := refusedHello(t)
	if t.V5() { // there is a session to be present
		t.Keep("").Leave()
		hello.CleanStart = false
	}
	p := t.Dial()
	p.Send(hello.Append(nil))
	got := p.Expect(packet.TypeConnack)
	if flags := got.Raw[2]; flags != 0 || !got.Connack.Reason.Failed() {
		t.Errorf("acknowledge flags 0x%02x and %v", flags, got.Connack.Reason)
	}
	p.Gone()
}
