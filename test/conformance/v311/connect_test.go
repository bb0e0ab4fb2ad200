package v311

import (
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var connect = suite.Section{Name: "3.1 CONNECT", Statements: []suite.Statement{
	{ID: "MQTT-3.1.0-1", Says: "CONNECT comes first", Test: check.FirstPacket},
	{ID: "MQTT-3.1.0-2", Says: "a second CONNECT ends the connection", Test: check.SecondConnect},
	{ID: "MQTT-3.1.2-1", Says: "another protocol name is not served", Test: check.ProtocolName},
	{ID: "MQTT-3.1.2-2", Says: "an unknown protocol level gets return code 1", Test: unknownLevel},
	{ID: "MQTT-3.1.2-3", Says: "the reserved connect flag is 0", Test: check.ReservedFlag},
	{ID: "MQTT-3.1.2-4", Says: "a session that is not clean goes on", Test: check.Resumed},
	{ID: "MQTT-3.1.2-5", Says: "QoS 1 and 2 messages are kept for it meanwhile", Test: check.OfflineStored},
	{ID: "MQTT-3.1.2-6", Says: "a clean session begins and ends with its connection", Test: check.CleanDiscards},
	{ID: "MQTT-3.1.2-7", Says: "retained messages outlive the session", Test: check.RetainedOutlives},
	{ID: "MQTT-3.1.2-8", Says: "the will is published when the connection is lost", Test: check.WillPublished},
	{ID: "MQTT-3.1.2-9", Says: "the will flag needs the will's fields", Test: check.WillFields},
	{ID: "MQTT-3.1.2-10", Says: "the will is gone once published or after DISCONNECT", Test: check.WillGoneOnce},
	{ID: "MQTT-3.1.2-11", Says: "no will fields without the will flag", Test: check.WillFieldsWithoutFlag},
	{ID: "MQTT-3.1.2-12", Says: "no will without the will flag", Test: check.NoWill},
	{ID: "MQTT-3.1.2-13", Says: "no will QoS without the will flag", Test: check.WillQoSWithoutFlag},
	{ID: "MQTT-3.1.2-14", Says: "the will's QoS is 0, 1 or 2", Test: check.WillQoS},
	{ID: "MQTT-3.1.2-15", Says: "no will retain without the will flag", Test: check.WillRetainWithoutFlag},
	{ID: "MQTT-3.1.2-16", Says: "a will without retain is not retained", Test: check.WillNotRetained},
	{ID: "MQTT-3.1.2-17", Says: "a will with retain is retained", Test: check.WillRetained},
	{ID: "MQTT-3.1.2-18", Says: "no user name without its flag", Test: check.NoUsername},
	{ID: "MQTT-3.1.2-19", Says: "a user name with its flag", Test: check.Username},
	{ID: "MQTT-3.1.2-20", Says: "no password without its flag", Test: check.NoPassword},
	{ID: "MQTT-3.1.2-21", Says: "a password with its flag", Test: check.Password},
	{ID: "MQTT-3.1.2-22", Says: "no password without a user name", Test: passwordAlone},
	{ID: "MQTT-3.1.2-23", Says: "the client keeps the keep alive", Client: true},
	{ID: "MQTT-3.1.2-24", Says: "silence of one and a half keep alives ends the connection", Test: check.KeepAlive},
	{ID: "MQTT-3.1.3-1", Says: "the payload's fields come in their order", Test: check.PayloadOrder},
	{ID: "MQTT-3.1.3-2", Says: "the client identifier names the session", Test: check.ClientIDNamesState},
	{ID: "MQTT-3.1.3-3", Says: "the client identifier is there and first", Test: check.ClientIDPresent},
	{ID: "MQTT-3.1.3-4", Says: "the client identifier is UTF-8", Test: check.ClientIDUTF8},
	{ID: "MQTT-3.1.3-5", Says: "1 to 23 letters and digits are allowed as client identifier", Test: check.ClientIDAllowed},
	{ID: "MQTT-3.1.3-6", Says: "an empty client identifier gets a unique one", Test: emptyClientID},
	{ID: "MQTT-3.1.3-7", Says: "the client that has none asks for a clean session", Client: true},
	{ID: "MQTT-3.1.3-8", Says: "an empty client identifier without a clean session gets return code 2", Test: emptyClientIDKept},
	{ID: "MQTT-3.1.3-9", Says: "a client identifier that is refused gets return code 2", Test: emptyClientIDKept},
	{ID: "MQTT-3.1.3-10", Says: "the will topic is UTF-8", Test: check.WillTopicUTF8},
	{ID: "MQTT-3.1.3-11", Says: "the user name is UTF-8", Test: check.UsernameUTF8},
	{ID: "MQTT-3.1.4-1", Says: "a CONNECT that does not conform gets no CONNACK", Test: check.MalformedConnect},
	{ID: "MQTT-3.1.4-2", Says: "a client identifier in use ends the older connection", Test: check.Takeover},
	{ID: "MQTT-3.1.4-3", Says: "clean session is acted on", Test: check.CleanDiscards},
	{ID: "MQTT-3.1.4-4", Says: "a good CONNECT gets return code 0", Test: accepted},
	{ID: "MQTT-3.1.4-5", Says: "what follows a refused CONNECT is not processed", Test: check.RefusedProcessesNothing},
}}

// unknownLevel: levels that no version has. From 6 on, a server of MQTT 5 may answer in its way.
func unknownLevel(t *suite.T) {
	for _, level := range []byte{0, 1, 2, 6, 100} {
		p := t.Dial()
		p.Send(suite.Raw(0x10, suite.Str("MQTT"), []byte{level, 2, 0, 60}, suite.Str(t.ID(""))))
		got := p.Rest()
		if string(got) != "\x20\x02\x00\x01" && (level < 6 || len(got) < 5 || got[0] != 0x20 || got[2] != 0 || got[3] != 0x84) {
			t.Errorf("level %d: answered with % x and the end of the connection", level, got)
		}
	}
}

func passwordAlone(t *suite.T) {
	p := t.Dial()
	p.Send(suite.Raw(0x10, suite.Str("MQTT"), []byte{4, 0x42, 0, 60}, suite.Str(t.ID("")), suite.Str("password")))
	p.Gone()
}

// emptyClientID: two clients without identifier do not take each other over.
func emptyClientID(t *suite.T) {
	one := t.Dial()
	if ack := one.Connect(packet.Connect{CleanStart: true}); ack.Reason != packet.Success {
		t.Skipf("this broker does not allow empty client identifiers, which it need not: %v", ack.Reason)
	}
	two := t.Connect(packet.Connect{CleanStart: true})
	one.Join(t.Topic("a"), 1)
	two.Say(t.Topic("a"), "x", 1)
	one.Take(t.Topic("a"), "x")
	two.Quiet()
}

func emptyClientIDKept(t *suite.T) {
	p := t.Dial()
	p.Send(suite.Raw(0x10, suite.Str("MQTT"), []byte{4, 0, 0, 60}, suite.Str("")))
	if got := p.Rest(); string(got) != "\x20\x02\x00\x02" {
		t.Errorf("answered with % x and the end of the connection", got)
	}
}

func accepted(t *suite.T) {
	hello := t.Hello("", true)
	hello.Version = packet.V311
	p := t.Dial()
	p.Send(hello.Append(nil))
	if got := p.Packet().Raw; string(got) != "\x20\x02\x00\x00" {
		t.Errorf("CONNACK is % x", got)
	}
	p.Quiet()
}
