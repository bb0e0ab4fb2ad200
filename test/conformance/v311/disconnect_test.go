package v311

import (
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var ping = suite.Section{Name: "3.12 PINGREQ", Statements: []suite.Statement{
	{ID: "MQTT-3.12.4-1", Says: "PINGREQ is answered by PINGRESP", Test: check.Ping},
}}

var disconnect = suite.Section{Name: "3.14 DISCONNECT", Statements: []suite.Statement{
	{ID: "MQTT-3.14.1-1", Says: "DISCONNECT's flags are 0", Test: check.DisconnectFlags},
	{ID: "MQTT-3.14.4-1", Says: "the client closes the connection after DISCONNECT", Client: true},
	{ID: "MQTT-3.14.4-2", Says: "the client sends nothing after DISCONNECT", Client: true},
	{ID: "MQTT-3.14.4-3", Says: "DISCONNECT discards the will", Test: check.WillDiscarded},
}}
