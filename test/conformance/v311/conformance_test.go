package v311

import (
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var webSocket = suite.Section{Name: "6 WebSocket", Statements: []suite.Statement{
	{ID: "MQTT-6.0.0-1", Says: "other than binary frames end the connection", Test: check.BinaryFrames, Needs: suite.WebSocket},
	{ID: "MQTT-6.0.0-2", Says: "packets and frames need not be aligned", Test: check.Unaligned, Needs: suite.WebSocket},
	{ID: "MQTT-6.0.0-3", Says: "the client offers the sub-protocol mqtt", Client: true},
	{ID: "MQTT-6.0.0-4", Says: "the server selects the sub-protocol mqtt", Test: check.SubProtocol, Needs: suite.WebSocket},
}}

var conformance = suite.Section{Name: "7 Conformance", Statements: []suite.Statement{
	{ID: "MQTT-7.0.0-1", Says: "a server that connects to others is a client there", Client: true},
	{ID: "MQTT-7.0.0-2", Says: "no extensions are needed", Test: check.NoExtensions},
	{ID: "MQTT-7.1.1-1", Says: "the server speaks over an ordered, lossless stream of bytes", Test: check.Transport},
	{ID: "MQTT-7.1.2-1", Says: "so does the client", Client: true},
}}
