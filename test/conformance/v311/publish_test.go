package v311

import (
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var publish = suite.Section{Name: "3.3 PUBLISH", Statements: []suite.Statement{
	{ID: "MQTT-3.3.1-1", Says: "DUP is set on what is sent again", Test: check.DupOnRedelivery},
	{ID: "MQTT-3.3.1-2", Says: "DUP is 0 at QoS 0", Test: check.NoDupAtQoS0},
	{ID: "MQTT-3.3.1-3", Says: "DUP is not passed on", Test: check.DupNotPassedOn},
	{ID: "MQTT-3.3.1-4", Says: "QoS 3 ends the connection", Test: check.QoS3},
	{ID: "MQTT-3.3.1-5", Says: "a message with RETAIN is stored with its QoS", Test: check.RetainStores},
	{ID: "MQTT-3.3.1-6", Says: "a new subscription gets the last retained message of each topic", Test: check.RetainedSent},
	{ID: "MQTT-3.3.1-7", Says: "a retained QoS 0 message takes the place of the older", Test: check.RetainQoS0Replaces},
	{ID: "MQTT-3.3.1-8", Says: "RETAIN is 1 in what a new subscription gets", Test: check.RetainSetForNew},
	{ID: "MQTT-3.3.1-9", Says: "RETAIN is 0 in what an old subscription gets", Test: check.RetainClearForOld},
	{ID: "MQTT-3.3.1-10", Says: "an empty retained message is delivered and removes the older", Test: check.EmptyRetainedRemoves},
	{ID: "MQTT-3.3.1-11", Says: "an empty message is not retained", Test: check.EmptyNotRetained},
	{ID: "MQTT-3.3.1-12", Says: "a message without RETAIN changes nothing that is retained", Test: check.NoRetainStoresNothing},
	{ID: "MQTT-3.3.2-1", Says: "the topic name is there, first, and UTF-8", Test: check.TopicFirst},
	{ID: "MQTT-3.3.2-2", Says: "no wildcards in a topic name", Test: check.NoWildcardsInName},
	{ID: "MQTT-3.3.2-3", Says: "what is delivered matches the filter", Test: check.NameMatches},
	{ID: "MQTT-3.3.4-1", Says: "the answer to PUBLISH is that of its QoS", Test: check.Answered},
	{ID: "MQTT-3.3.5-1", Says: "overlapping subscriptions: the highest QoS counts", Test: check.Overlapping},
	{ID: "MQTT-3.3.5-2", Says: "a PUBLISH that is not allowed is acknowledged, or ends the connection", Test: check.DeniedPublish, Needs: suite.DeniedTopics},
}}

var pubrel = suite.Section{Name: "3.6 PUBREL", Statements: []suite.Statement{
	{ID: "MQTT-3.6.1-1", Says: "PUBREL's flags are 0010", Test: check.PubrelFlags},
}}
