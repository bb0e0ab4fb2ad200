package v311

import (
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var subscribe = suite.Section{Name: "3.8 SUBSCRIBE", Statements: []suite.Statement{
	{ID: "MQTT-3.8.1-1", Says: "SUBSCRIBE's flags are 0010", Test: check.SubscribeFlags},
	{ID: "MQTT-3.8.3-1", Says: "filters are UTF-8", Test: check.FilterUTF8},
	{ID: "MQTT-3.8.3-2", Says: "a server without wildcards refuses them", Test: check.NoWildcards, Needs: suite.LimitedBroker},
	{ID: "MQTT-3.8.3-3", Says: "there is a filter at least", Test: check.NoFilter},
	{ID: "MQTT-3.8.3-4", Says: "reserved bits and QoS 3 end the connection", Test: check.Options},
	{ID: "MQTT-3.8.4-1", Says: "SUBSCRIBE is answered by SUBACK", Test: check.Suback},
	{ID: "MQTT-3.8.4-2", Says: "SUBACK has SUBSCRIBE's packet identifier", Test: check.SubackIDs},
	{ID: "MQTT-3.8.4-3", Says: "a subscription to the same filter replaces the older", Test: replaced},
	{ID: "MQTT-3.8.4-4", Says: "several filters are as several SUBSCRIBEs, with one SUBACK", Test: check.ManyFilters},
	{ID: "MQTT-3.8.4-5", Says: "SUBACK has a code for each filter", Test: check.CodePerFilter},
	{ID: "MQTT-3.8.4-6", Says: "the lower QoS of message and subscription counts", Test: check.QoSIsMinimum},
}}

var suback = suite.Section{Name: "3.9 SUBACK", Statements: []suite.Statement{
	{ID: "MQTT-3.9.3-1", Says: "codes are in the order of the filters", Test: check.CodesInOrder},
	{ID: "MQTT-3.9.3-2", Says: "no codes but 0, 1, 2 and 0x80", Test: check.CodesKnown},
}}

var unsubscribe = suite.Section{Name: "3.10 UNSUBSCRIBE", Statements: []suite.Statement{
	{ID: "MQTT-3.10.1-1", Says: "UNSUBSCRIBE's flags are 0010", Test: check.UnsubscribeFlags},
	{ID: "MQTT-3.10.3-1", Says: "filters are UTF-8", Test: check.UnsubscribeUTF8},
	{ID: "MQTT-3.10.3-2", Says: "there is a filter at least", Test: check.NoFilterToRemove},
	{ID: "MQTT-3.10.4-1", Says: "the filter that is the same byte for byte is removed", Test: check.ExactFilterRemoved},
	{ID: "MQTT-3.10.4-2", Says: "nothing new is sent for it", Test: check.Unsubscribed},
	{ID: "MQTT-3.10.4-3", Says: "what has been sent is completed", Test: check.StartedIsCompleted},
	{ID: "MQTT-3.10.4-4", Says: "UNSUBSCRIBE is answered by UNSUBACK with its packet identifier", Test: check.Unsuback},
	{ID: "MQTT-3.10.4-5", Says: "even if nothing is removed", Test: check.UnsubackForNothing},
	{ID: "MQTT-3.10.4-6", Says: "several filters are as several UNSUBSCRIBEs, with one UNSUBACK", Test: check.ManyFiltersRemoved},
}}

func replaced(t *suite.T) {
	t.Sub("replaced", check.Replaced)
	t.Sub("retained again", check.ReplacedSendsRetained)
}
