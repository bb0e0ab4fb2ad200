package v5

import (
	"bytes"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var data = suite.Section{Name: "1.5 Data representation", Statements: []suite.Statement{
	{ID: "MQTT-1.5.4-1", Says: "strings are well-formed UTF-8", Test: check.WellFormed},
	{ID: "MQTT-1.5.4-2", Says: "strings have no U+0000", Test: check.NoNull},
	{ID: "MQTT-1.5.4-3", Says: "U+FEFF is kept", Test: check.ByteOrderMark},
	{ID: "MQTT-1.5.5-1", Says: "variable byte integers are as short as can be", Test: shortIntegers},
	{ID: "MQTT-1.5.7-1", Says: "both strings of a pair are UTF-8", Test: pairsUTF8},
}}

var format = suite.Section{Name: "2 Packet format", Statements: []suite.Statement{
	{ID: "MQTT-2.1.3-1", Says: "reserved flags have their value", Test: flags},
	{ID: "MQTT-2.2.1-2", Says: "no packet identifier at QoS 0", Test: check.NoPacketIDAtQoS0},
	{ID: "MQTT-2.2.1-3", Says: "a new packet of the client takes an unused packet identifier, not 0", Test: check.PacketIDZero},
	{ID: "MQTT-2.2.1-4", Says: "so does a new PUBLISH of the server", Test: check.ServerPacketIDs},
	{ID: "MQTT-2.2.1-5", Says: "acknowledgements have the PUBLISH's packet identifier", Test: check.AckIDs},
	{ID: "MQTT-2.2.1-6", Says: "SUBACK and UNSUBACK have the request's packet identifier", Test: check.SubackIDs},
	{ID: "MQTT-2.2.2-1", Says: "no properties are a property length of 0", Test: noProperties},
}}

func flags(t *suite.T) {
	t.Sub("sent", check.FlagsSent)
	t.Sub("received", check.FlagsReceived)
}

// shortIntegers looks at the remaining lengths of messages whose size is about where a byte more is needed.
func shortIntegers(t *suite.T) {
	topic := t.Topic("a")
	sub, pub := t.Client("sub"), t.Client("pub")
	sub.Join(topic, 0)
	overhead := 2 + len(topic) + 1
	for remaining, size := range map[int]int{overhead + 1: 1, 127: 1, 128: 2, 16383: 2, 16384: 3, 100_000: 3} {
		text := strings.Repeat("x", remaining-overhead)
		pub.Say(topic, text, 0)
		got := sub.Expect(packet.TypePublish)
		if want := packet.AppendVarint([]byte{0x30}, remaining); len(want) != 1+size || !bytes.HasPrefix(got.Raw, want) || len(got.Raw) != remaining+1+size {
			t.Errorf("a remaining length of %d: % x", remaining, got.Raw[:5])
		}
	}
}

// pairsUTF8 sends user properties whose name or value is not UTF-8.
func pairsUTF8(t *suite.T) {
	for _, bad := range []string{"\xff", "a\xed\xa0\x80", "a\x00", "\xc0\x80"} {
		for _, pair := range [][]byte{append(suite.Str(bad), suite.Str("v")...), append(suite.Str("n"), suite.Str(bad)...)} {
			props := append([]byte{byte(len(pair) + 1), 0x26}, pair...)
			for name, raw := range map[string][]byte{
				"PUBLISH":   suite.Raw(0x30, suite.Str(t.Topic("a")), props, []byte("x")),
				"SUBSCRIBE": suite.Raw(0x82, suite.U16(1), props, suite.Str(t.Topic("a")), []byte{0}),
			} {
				t.Sub(name, func(t *suite.T) {
					p := t.Client("")
					p.Send(raw)
					p.End(packet.MalformedPacket, packet.ProtocolError)
				})
			}
			p := t.Dial()
			p.Send(suite.Raw(0x10, suite.Str("MQTT"), []byte{5, 2, 0, 60}, props, suite.Str(t.ID(""))))
			p.Refused(packet.MalformedPacket, packet.ProtocolError)
		}
	}
}

// noProperties: packets of the server that have a property list have it though it is empty; acknowledgements may end before it.
func noProperties(t *suite.T) {
	topic := t.Topic("a")
	c := t.Client("")
	s := packet.Subscribe{PacketID: 3, Filters: []packet.Filter{suite.Filter(topic, 0)}}
	c.Send(s.Append(nil, packet.V5))
	if got := c.Expect(packet.TypeSuback); len(got.Suback.User) == 0 && got.Suback.ReasonString == "" && string(got.Raw) != "\x90\x04\x00\x03\x00\x00" {
		t.Errorf("SUBACK is % x", got.Raw)
	}
	c.SendPublish(suite.Message(topic, "x", 0))
	if got := c.Expect(packet.TypePublish).Raw; string(got) != string(suite.Raw(0x30, suite.Str(topic), []byte{0}, []byte("x"))) {
		t.Errorf("PUBLISH is % x", got)
	}
	u := packet.Unsubscribe{PacketID: 4, Filters: []string{topic}}
	c.Send(u.Append(nil, packet.V5))
	if got := c.Expect(packet.TypeUnsuback); len(got.Unsuback.User) == 0 && got.Unsuback.ReasonString == "" && string(got.Raw) != "\xb0\x04\x00\x04\x00\x00" {
		t.Errorf("UNSUBACK is % x", got.Raw)
	}
	p := t.Client("bad") // nor may the client leave it out
	p.Send(suite.Raw(0x30, suite.Str(topic)))
	p.End(packet.MalformedPacket)
}
