package v5

import (
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var ping = suite.Section{Name: "3.12 PINGREQ", Statements: []suite.Statement{
	{ID: "MQTT-3.12.4-1", Says: "PINGREQ is answered by PINGRESP", Test: check.Ping},
}}

var disconnect = suite.Section{Name: "3.14 DISCONNECT", Statements: []suite.Statement{
	{ID: "MQTT-3.14.0-1", Says: "no DISCONNECT of the server before CONNACK", Test: noDisconnectFirst},
	{ID: "MQTT-3.14.1-1", Says: "other flags than 0 get DISCONNECT 0x81", Test: disconnectFlags},
	{ID: "MQTT-3.14.2-1", Says: "reason codes are DISCONNECT's", Test: disconnectCodes},
	{ID: "MQTT-3.14.2-2", Says: "no session expiry in the server's DISCONNECT", Test: noExpiryInDisconnect},
	{ID: "MQTT-3.14.2-3", Says: "no reason string that makes it too large", Test: noRoomInDisconnect(false)},
	{ID: "MQTT-3.14.2-4", Says: "nor user properties", Test: noRoomInDisconnect(true)},
	{ID: "MQTT-3.14.4-1", Says: "nothing is sent after DISCONNECT", Test: disconnectLast},
	{ID: "MQTT-3.14.4-2", Says: "its sender closes the connection", Test: disconnectLast},
	{ID: "MQTT-3.14.4-3", Says: "DISCONNECT 0x00 discards the will", Test: check.WillDiscarded},
}}

var auth = suite.Section{Name: "3.15 AUTH", Statements: []suite.Statement{
	{ID: "MQTT-3.15.1-1", Says: "AUTH's flags are 0", Test: authFlags},
	{ID: "MQTT-3.15.2-1", Says: "reason codes are AUTH's", Test: authCodes, Needs: suite.EnhancedAuthentication},
	{ID: "MQTT-3.15.2-2", Says: "no reason string that makes it too large", Test: noRoomInAuth(false), Needs: suite.EnhancedAuthentication},
	{ID: "MQTT-3.15.2-3", Says: "nor user properties", Test: noRoomInAuth(true), Needs: suite.EnhancedAuthentication},
}}

// noDisconnectFirst: what comes instead of a good CONNECT gets no DISCONNECT.
func noDisconnectFirst(t *suite.T) {
	t.Sub("bad CONNECT", check.MalformedConnect)
	t.Sub("no CONNECT", check.FirstPacket)
}

func disconnectFlags(t *suite.T) {
	for _, first := range []byte{0xE1, 0xE2, 0xE4, 0xE8} {
		p := t.Client("")
		p.Send([]byte{first, 0})
		if got := p.Expect(packet.TypeDisconnect).Disconnect.Reason; got != packet.MalformedPacket {
			t.Errorf("DISCONNECT: %v", got)
		}
		p.Gone()
	}
}

// wrong is bytes for which a broker ends the connection.
func wrong(t *suite.T) map[string][]byte {
	return map[string][]byte{
		"QoS 3":     suite.Raw(0x36, suite.Str(t.Topic("a")), suite.U16(1), []byte{0}),
		"no filter": suite.Raw(0x82, suite.U16(1), []byte{0}),
		"alias 0":   suite.Raw(0x30, suite.Str(t.Topic("a")), []byte{3, 0x23, 0, 0}),
		"wildcard":  suite.Raw(0x30, suite.Str(t.Topic("a/#")), []byte{0}),
	}
}

// disconnectCodes: the strict reader of the suite refuses codes that are not DISCONNECT's.
func disconnectCodes(t *suite.T) {
	for name, raw := range wrong(t) {
		t.Sub(name, func(t *suite.T) {
			p := t.Client("")
			p.Send(raw)
			p.End()
		})
	}
	t.Sub("taken over", check.Takeover)
}

// noExpiryInDisconnect looks at the server's DISCONNECTs to a client with an expiry.
func noExpiryInDisconnect(t *suite.T) {
	first := t.Keep("a")
	t.Keep("a")
	second := t.Keep("b")
	second.Send(wrong(t)["QoS 3"])
	for _, p := range []*suite.Peer{first, second} {
		if got, over := p.NextOrEnd(); !over && got.Disconnect.HasSessionExpiry {
			t.Errorf("session expiry %d", got.Disconnect.SessionExpiry)
		}
	}
}

// noRoomInDisconnect: the server's DISCONNECT has no reason string, or no user properties, if with them it is larger than
// the client takes.
func noRoomInDisconnect(user bool) func(*suite.T) {
	return func(t *suite.T) {
		for name, raw := range wrong(t) {
			t.Sub(name, func(t *suite.T) {
				hello := t.Hello("", true)
				hello.Properties.MaximumPacketSize = 30
				p := t.Connect(hello)
				p.Send(raw)
				got, over := p.NextOrEnd()
				if !over && tooLarge(30, len(got.Raw), user, got.Disconnect.ReasonString, got.Disconnect.User) {
					t.Errorf("DISCONNECT of %d bytes to a client that takes 30: %q", len(got.Raw), got.Disconnect.ReasonString)
				}
			})
		}
	}
}

// disconnectLast: after the server's DISCONNECT nothing comes but the end; what follows the client's is not acted on.
func disconnectLast(t *suite.T) {
	topic := t.Topic("a")
	watch := t.Client("watch")
	watch.Join(topic, 0)
	for name, raw := range wrong(t) {
		t.Sub(name, func(t *suite.T) {
			p := t.Client("")
			m := suite.Message(topic, "after "+name, 0)
			p.Send(m.Append(append(raw, 0xC0, 0), packet.V5))
			p.End()
		})
	}
	p := t.Client("bye")
	m := suite.Message(topic, "after DISCONNECT", 0)
	p.Send(m.Append([]byte{0xE0, 0, 0xC0, 0}, packet.V5))
	p.Gone()
	t.Client("pub").Say(topic, "marker", 0)
	watch.Take(topic, "marker")
}

func authFlags(t *suite.T) {
	for _, first := range []byte{0xF1, 0xF2, 0xF8} {
		p := t.Client("")
		p.Send([]byte{first, 0})
		p.End(packet.MalformedPacket)
	}
}

// sessionEnds: a session is discarded when its expiry has passed, which its will tells, and at once if it has none; what
// DISCONNECT says of it counts.
func sessionEnds(t *suite.T) {
	topic := t.Topic("will")
	watch := t.Client("watch")
	watch.Join(topic, 1)
	hello := t.Hello("a", false)
	hello.Properties.SessionExpiry = 1
	hello.Will = &packet.Will{Topic: topic, Payload: []byte("ended"), Delay: suite.Forever}
	began := time.Now()
	t.Connect(hello).Close()
	watch.Take(topic, "ended")
	if lasted := time.Since(began); lasted < 900*time.Millisecond {
		t.Errorf("a session with an expiry of 1 s ends after %v", lasted)
	}
	gone := func(name string) {
		t.Helper()
		p := t.Dial()
		if ack := p.Connect(t.Hello(name, false)); ack.SessionPresent {
			t.Errorf("session %s is present", name)
		}
		p.Leave()
	}
	gone("a")
	p := t.Connect(packet.Connect{ClientID: t.ID("b"), CleanStart: true})
	p.Join(t.Topic("a"), 1)
	p.Close()
	gone("b")
	t.Keep("c").LeaveWith(packet.Disconnect{HasSessionExpiry: true})
	gone("c")
}
