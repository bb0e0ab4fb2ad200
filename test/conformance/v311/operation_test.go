package v311

import (
	"math/rand/v2"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var sessions = suite.Section{Name: "4.1 Storing state", Statements: []suite.Statement{
	{ID: "MQTT-4.1.0-1", Says: "state is stored for as long as the session lasts", Test: check.Kept},
	{ID: "MQTT-4.1.0-2", Says: "a session lasts as long as its connection", Test: check.Lasts},
}}

var delivery = suite.Section{Name: "4.3 to 4.5 Delivery", Statements: []suite.Statement{
	{ID: "MQTT-4.3.1-1", Says: "QoS 0 is sent with QoS 0 and DUP 0", Test: check.SendsQoS0},
	{ID: "MQTT-4.3.2-1", Says: "the sender of QoS 1: unused identifier, DUP 0, unacknowledged until PUBACK", Test: check.QoS1Sender},
	{ID: "MQTT-4.3.2-2", Says: "the receiver of QoS 1: PUBACK, after which the identifier is new", Test: check.QoS1Receiver},
	{ID: "MQTT-4.3.3-1", Says: "the sender of QoS 2: PUBREL for PUBREC, each unacknowledged until its answer", Test: check.QoS2Sender},
	{ID: "MQTT-4.3.3-2", Says: "the receiver of QoS 2: PUBREC, no duplicates, PUBCOMP for PUBREL", Test: check.QoS2Receiver},
	{ID: "MQTT-4.4.0-1", Says: "PUBLISH and PUBREL without answer are sent again with their identifiers", Test: check.Redelivery},
	{ID: "MQTT-4.5.0-1", Says: "each session that matches gets a message", Test: check.OwnershipStored},
	{ID: "MQTT-4.5.0-2", Says: "the client acknowledges what it gets", Client: true},
}}

var ordering = suite.Section{Name: "4.6 Message ordering", Statements: []suite.Statement{
	{ID: "MQTT-4.6.0-1", Says: "what is sent again is in the order it was sent", Test: check.ResentInOrder},
	{ID: "MQTT-4.6.0-2", Says: "the client's PUBACKs are in order", Client: true},
	{ID: "MQTT-4.6.0-3", Says: "the client's PUBRECs are in order", Client: true},
	{ID: "MQTT-4.6.0-4", Says: "the client's PUBRELs are in order", Client: true},
	{ID: "MQTT-4.6.0-5", Says: "topics are ordered by default", Test: check.Ordered},
	{ID: "MQTT-4.6.0-6", Says: "the rules hold for the server too, and messages of a publisher stay in order", Test: check.OrderedRules},
}}

var topics = suite.Section{Name: "4.7 Topics", Statements: []suite.Statement{
	{ID: "MQTT-4.7.1-1", Says: "no wildcards in a topic name", Test: check.NoWildcardsInName},
	{ID: "MQTT-4.7.1-2", Says: "# is last, alone or after a separator", Test: check.MultiLevel},
	{ID: "MQTT-4.7.1-3", Says: "+ fills a level", Test: check.SingleLevel},
	{ID: "MQTT-4.7.2-1", Says: "a leading wildcard does not match a leading $", Test: check.Dollar},
	{ID: "MQTT-4.7.3-1", Says: "topics are not empty", Test: check.NotEmpty},
	{ID: "MQTT-4.7.3-2", Says: "topics have no U+0000", Test: check.NoNullInTopic},
	{ID: "MQTT-4.7.3-3", Says: "topics have 65,535 bytes at most", Test: check.Longest},
	{ID: "MQTT-4.7.3-4", Says: "topics are not normalised", Test: check.NoNormalisation},
}}

var failures = suite.Section{Name: "4.8 Handling errors", Statements: []suite.Statement{
	{ID: "MQTT-4.8.0-1", Says: "a protocol violation ends the connection", Test: check.Violations},
	{ID: "MQTT-4.8.0-2", Says: "an error that may pass ends the connection", Test: fullStore, Needs: suite.BoundedStore},
}}

// fullStore publishes to a session that is away until the store is full: then the PUBLISH cannot be processed for now.
func fullStore(t *suite.T) {
	t = t.Limited()
	topic := t.Topic("a")
	sub, pub := t.Keep("sub"), t.Client("pub")
	sub.Join(topic, 1)
	sub.Leave()
	body := make([]byte, 256<<10)
	random := rand.New(rand.NewPCG(1, 1))
	for range 1000 {
		for i := range body {
			body[i] = byte(random.Uint32()) // so that it does not compress
		}
		pub.SendPublish(suite.Message(topic, string(body), 1))
		got, over := pub.NextOrEnd()
		if over {
			return
		}
		if got.Type != packet.TypePuback {
			t.Fatalf("%v instead of PUBACK or the end of the connection", got.Type)
		}
	}
	t.Fatal("the store takes more than it may have")
}
