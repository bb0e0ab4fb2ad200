package v311

import (
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var connack = suite.Section{Name: "3.2 CONNACK", Statements: []suite.Statement{
	{ID: "MQTT-3.2.0-1", Says: "CONNACK is the first packet of the server", Test: check.ConnackFirst},
	{ID: "MQTT-3.2.2-1", Says: "no session is present after a clean start", Test: check.CleanNotPresent},
	{ID: "MQTT-3.2.2-2", Says: "a stored session is present", Test: check.Present},
	{ID: "MQTT-3.2.2-3", Says: "no session is present if none is stored", Test: check.NotPresent},
	{ID: "MQTT-3.2.2-4", Says: "no session is present in a refusal", Test: check.RefusalWithoutSession},
	{ID: "MQTT-3.2.2-5", Says: "the connection ends after a refusal", Test: emptyClientIDKept},
	{ID: "MQTT-3.2.2-6", Says: "no CONNACK where no return code applies", Test: check.MalformedConnect},
}}
