package v311

import (
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var data = suite.Section{Name: "1.5 Data representation", Statements: []suite.Statement{
	{ID: "MQTT-1.4.0-1", Says: "strings are well-formed UTF-8, or the connection ends", Test: check.WellFormed},
	{ID: "MQTT-1.4.0-2", Says: "strings have no U+0000, or the connection ends", Test: check.NoNull},
	{ID: "MQTT-1.4.0-3", Says: "U+FEFF is kept", Test: check.ByteOrderMark},
}}

var format = suite.Section{Name: "2 Packet format", Statements: []suite.Statement{
	{ID: "MQTT-2.2.2-1", Says: "reserved flags have their value in what is sent", Test: check.FlagsSent},
	{ID: "MQTT-2.2.2-2", Says: "reserved flags with another value end the connection", Test: check.FlagsReceived},
	{ID: "MQTT-2.3.1-1", Says: "packet identifiers are not 0", Test: check.PacketIDZero},
	{ID: "MQTT-2.3.1-2", Says: "a new packet of the client takes an unused packet identifier", Client: true},
	{ID: "MQTT-2.3.1-3", Says: "what the client sends again keeps its packet identifier", Client: true},
	{ID: "MQTT-2.3.1-4", Says: "the same goes for the PUBLISHes of the server", Test: check.ServerPacketIDs},
	{ID: "MQTT-2.3.1-5", Says: "no packet identifier at QoS 0", Test: check.NoPacketIDAtQoS0},
	{ID: "MQTT-2.3.1-6", Says: "acknowledgements have the PUBLISH's packet identifier", Test: check.AckIDs},
	{ID: "MQTT-2.3.1-7", Says: "SUBACK and UNSUBACK have the request's packet identifier", Test: check.SubackIDs},
}}
