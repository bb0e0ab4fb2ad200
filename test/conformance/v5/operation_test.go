package v5

import (
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var sessions = suite.Section{Name: "4.1 and 4.2 State and transport", Statements: []suite.Statement{
	{ID: "MQTT-4.1.0-1", Says: "a session lasts as long as its connection", Test: check.Lasts},
	{ID: "MQTT-4.1.0-2", Says: "and ends when its expiry has passed", Test: sessionEnds},
	{ID: "MQTT-4.2.0-1", Says: "packets are an ordered, lossless stream of bytes", Test: check.Transport},
	{ID: "MQTT-4.2-1", Says: "the same, by its other name", Test: check.Transport},
}}

var delivery = suite.Section{Name: "4.3 to 4.5 Delivery", Statements: []suite.Statement{
	{ID: "MQTT-4.3.1-1", Says: "QoS 0 is sent with QoS 0 and DUP 0", Test: check.SendsQoS0},
	{ID: "MQTT-4.3.2-1", Says: "QoS 1 takes an unused packet identifier", Test: check.SendsUnusedID(1)},
	{ID: "MQTT-4.3.2-2", Says: "QoS 1 is sent with QoS 1 and DUP 0", Test: check.SendsFirst(1)},
	{ID: "MQTT-4.3.2-3", Says: "it is unacknowledged until PUBACK", Test: check.ResentUntilAcked(1)},
	{ID: "MQTT-4.3.2-4", Says: "QoS 1 is answered by PUBACK", Test: check.Puback},
	{ID: "MQTT-4.3.2-5", Says: "after it the packet identifier is new", Test: check.AfterPubackIsNew},
	{ID: "MQTT-4.3.3-1", Says: "QoS 2 takes an unused packet identifier", Test: check.SendsUnusedID(2)},
	{ID: "MQTT-4.3.3-2", Says: "QoS 2 is sent with QoS 2 and DUP 0", Test: check.SendsFirst(2)},
	{ID: "MQTT-4.3.3-3", Says: "it is unacknowledged until PUBREC", Test: check.ResentUntilAcked(2)},
	{ID: "MQTT-4.3.3-4", Says: "PUBREC is answered by PUBREL, unless it says that it failed", Test: pubrelUnlessFailed},
	{ID: "MQTT-4.3.3-5", Says: "PUBREL is unacknowledged until PUBCOMP", Test: check.PubrelResent},
	{ID: "MQTT-4.3.3-6", Says: "after PUBREL the PUBLISH is not sent again", Test: check.PubrelResent},
	{ID: "MQTT-4.3.3-7", Says: "what has been sent does not expire", Test: sentDoesNotExpire},
	{ID: "MQTT-4.3.3-8", Says: "QoS 2 is answered by PUBREC", Test: check.Pubrec},
	{ID: "MQTT-4.3.3-9", Says: "after a PUBREC of failure the packet identifier is new", Test: newAfterFailure, Needs: suite.DeniedTopics},
	{ID: "MQTT-4.3.3-10", Says: "until PUBREL a PUBLISH is a duplicate", Test: check.NoDuplicates},
	{ID: "MQTT-4.3.3-11", Says: "PUBREL is answered by PUBCOMP", Test: check.Pubcomp},
	{ID: "MQTT-4.3.3-12", Says: "after it the packet identifier is new", Test: check.AfterPubcompIsNew},
	{ID: "MQTT-4.3.3-13", Says: "acknowledgements go on though the message has expired", Test: acksGoOn},
	{ID: "MQTT-4.4.0-1", Says: "PUBLISH and PUBREL without answer are sent again with their identifiers, then only", Test: check.Redelivery},
	{ID: "MQTT-4.4.0-2", Says: "a failure in PUBACK or PUBREC is an answer", Test: failureIsAnswer},
	{ID: "MQTT-4.5.0-1", Says: "each session that matches gets a message", Test: check.OwnershipStored},
	{ID: "MQTT-4.5.0-2", Says: "the client acknowledges what it gets", Client: true},
}}

var ordering = suite.Section{Name: "4.6 Message ordering", Statements: []suite.Statement{
	{ID: "MQTT-4.6.0-1", Says: "what the client sends again is in the order it was sent", Client: true},
	{ID: "MQTT-4.6.0-2", Says: "the client's PUBACKs are in order", Client: true},
	{ID: "MQTT-4.6.0-3", Says: "the client's PUBRECs are in order", Client: true},
	{ID: "MQTT-4.6.0-4", Says: "the client's PUBRELs are in order", Client: true},
	{ID: "MQTT-4.6.0-5", Says: "messages of a publisher stay in order", Test: check.Ordered},
	{ID: "MQTT-4.6.0-6", Says: "topics are ordered by default", Test: check.OrderedRules},
}}

var topics = suite.Section{Name: "4.7 Topics", Statements: []suite.Statement{
	{ID: "MQTT-4.7.0-1", Says: "no wildcards in a topic name", Test: check.NoWildcardsInName},
	{ID: "MQTT-4.7.1-1", Says: "# is last, alone or after a separator", Test: check.MultiLevel},
	{ID: "MQTT-4.7.1-2", Says: "+ fills a level", Test: check.SingleLevel},
	{ID: "MQTT-4.7.2-1", Says: "a leading wildcard does not match a leading $", Test: check.Dollar},
	{ID: "MQTT-4.7.3-1", Says: "topics are not empty", Test: check.NotEmpty},
	{ID: "MQTT-4.7.3-2", Says: "topics have no U+0000", Test: check.NoNullInTopic},
	{ID: "MQTT-4.7.3-3", Says: "topics have 65,535 bytes at most", Test: check.Longest},
	{ID: "MQTT-4.7.3-4", Says: "topics are not normalised", Test: check.NoNormalisation},
}}

var shared = suite.Section{Name: "4.8 Shared subscriptions", Statements: []suite.Statement{
	{ID: "MQTT-4.8.2-1", Says: "a share name has a character at least", Test: shareNames("$share//a", "$share/", "$share")},
	{ID: "MQTT-4.8.2-2", Says: "a share name has no wildcard, and a filter follows it", Test: shareNames("$share/+/a", "$share/#/a", "$share/g+/a", "$share/g", "$share/g/")},
	{ID: "MQTT-4.8.2-3", Says: "the QoS granted counts", Test: sharedQoS, Needs: suite.SharedSubscriptions},
	{ID: "MQTT-4.8.2-4", Says: "QoS 2 that has begun is completed with the same client", Test: sharedCompleted, Needs: suite.SharedSubscriptions},
	{ID: "MQTT-4.8.2-5", Says: "if its session ends the message goes to nobody else", Test: sharedSessionEnds, Needs: suite.SharedSubscriptions},
	{ID: "MQTT-4.8.2-6", Says: "what a client refuses goes to nobody else", Test: sharedRefused, Needs: suite.SharedSubscriptions},
}}

var flow = suite.Section{Name: "4.9 Flow control", Statements: []suite.Statement{
	{ID: "MQTT-4.9.0-1", Says: "the first quota is within the receive maximum, and not 0", Test: firstQuota},
	{ID: "MQTT-4.9.0-2", Says: "without quota nothing of QoS 1 and 2 is sent", Test: quotaOfZero},
	{ID: "MQTT-4.9.0-3", Says: "everything else goes on", Test: othersNotDelayed},
}}

var enhanced = suite.Section{Name: "4.12 Enhanced authentication", Statements: []suite.Statement{
	{ID: "MQTT-4.12.0-1", Says: "an unknown method ends the connection", Test: unknownMethod},
	{ID: "MQTT-4.12.0-2", Says: "the server asks for more with AUTH 0x18", Test: asksForMore, Needs: suite.EnhancedAuthentication},
	{ID: "MQTT-4.12.0-3", Says: "the client goes on with AUTH 0x18", Client: true},
	{ID: "MQTT-4.12.0-4", Says: "the server may refuse at any time, and ends the connection", Test: refusesProof, Needs: suite.EnhancedAuthentication},
	{ID: "MQTT-4.12.0-5", Says: "AUTH and CONNACK name the client's method", Test: namesMethod, Needs: suite.EnhancedAuthentication},
	{ID: "MQTT-4.12.0-6", Says: "no AUTH and no method to a client without", Test: noMethod},
	{ID: "MQTT-4.12.0-7", Says: "nor from it", Client: true},
	{ID: "MQTT-4.12.1-1", Says: "the client authenticates again with the same method", Client: true},
	{ID: "MQTT-4.12.1-2", Says: "if that fails the connection ends", Test: refusesAgain, Needs: suite.EnhancedAuthentication},
}}

var failures = suite.Section{Name: "4.13 Handling errors", Statements: []suite.Statement{
	{ID: "MQTT-4.13.1-1", Says: "a malformed packet or a protocol error ends the connection", Test: check.Violations},
	{ID: "MQTT-4.13.2-1", Says: "so does a reason code of failure in CONNACK and DISCONNECT", Test: failureEnds},
}}

var webSocket = suite.Section{Name: "6 WebSocket", Statements: []suite.Statement{
	{ID: "MQTT-6.0.0-1", Says: "other than binary frames end the connection", Test: check.BinaryFrames, Needs: suite.WebSocket},
	{ID: "MQTT-6.0.0-2", Says: "packets and frames need not be aligned", Test: check.Unaligned, Needs: suite.WebSocket},
	{ID: "MQTT-6.0.0-3", Says: "the client offers the sub-protocol mqtt", Client: true},
	{ID: "MQTT-6.0.0-4", Says: "the server selects the sub-protocol mqtt", Test: check.SubProtocol, Needs: suite.WebSocket},
}}
