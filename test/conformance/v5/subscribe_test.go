package v5

import (
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/check"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

var subscribe = suite.Section{Name: "3.8 SUBSCRIBE", Statements: []suite.Statement{
	{ID: "MQTT-3.8.1-1", Says: "SUBSCRIBE's flags are 0010", Test: check.SubscribeFlags},
	{ID: "MQTT-3.8.3-1", Says: "filters are UTF-8", Test: check.FilterUTF8},
	{ID: "MQTT-3.8.3-2", Says: "there is a filter with options at least", Test: check.NoFilter},
	{ID: "MQTT-3.8.3-3", Says: "no local: not to the client that published", Test: noLocal},
	{ID: "MQTT-3.8.3-4", Says: "no local on a shared subscription is an error", Test: noLocalShared},
	{ID: "MQTT-3.8.3-5", Says: "reserved bits of the options end the connection", Test: check.Options},
	{ID: "MQTT-3.8.4-1", Says: "SUBSCRIBE is answered by SUBACK", Test: check.Suback},
	{ID: "MQTT-3.8.4-2", Says: "SUBACK has SUBSCRIBE's packet identifier", Test: check.SubackIDs},
	{ID: "MQTT-3.8.4-3", Says: "a subscription to the same filter replaces the older", Test: replaced},
	{ID: "MQTT-3.8.4-4", Says: "with retain handling 0 retained messages come again, and none is lost", Test: check.ReplacedSendsRetained},
	{ID: "MQTT-3.8.4-5", Says: "several filters are as several SUBSCRIBEs, with one SUBACK", Test: check.ManyFilters},
	{ID: "MQTT-3.8.4-6", Says: "SUBACK has a code for each filter", Test: check.CodePerFilter},
	{ID: "MQTT-3.8.4-7", Says: "the QoS granted or a failure", Test: check.CodesKnown},
	{ID: "MQTT-3.8.4-8", Says: "the lower QoS of message and subscription counts", Test: check.QoSIsMinimum},
}}

var suback = suite.Section{Name: "3.9 SUBACK", Statements: []suite.Statement{
	{ID: "MQTT-3.9.2-1", Says: "no reason string that makes it too large", Test: noRoom(packet.TypeSuback, false)},
	{ID: "MQTT-3.9.2-2", Says: "nor user properties", Test: noRoom(packet.TypeSuback, true)},
	{ID: "MQTT-3.9.3-1", Says: "codes are in the order of the filters", Test: check.CodesInOrder},
	{ID: "MQTT-3.9.3-2", Says: "codes are SUBACK's", Test: check.CodesKnown},
}}

var unsubscribe = suite.Section{Name: "3.10 UNSUBSCRIBE", Statements: []suite.Statement{
	{ID: "MQTT-3.10.1-1", Says: "UNSUBSCRIBE's flags are 0010", Test: check.UnsubscribeFlags},
	{ID: "MQTT-3.10.3-1", Says: "filters are UTF-8", Test: check.UnsubscribeUTF8},
	{ID: "MQTT-3.10.3-2", Says: "there is a filter at least", Test: check.NoFilterToRemove},
	{ID: "MQTT-3.10.4-1", Says: "the filter that is the same character for character is removed", Test: check.ExactFilterRemoved},
	{ID: "MQTT-3.10.4-2", Says: "nothing new is sent for it", Test: check.Unsubscribed},
	{ID: "MQTT-3.10.4-3", Says: "what has been sent is completed", Test: check.StartedIsCompleted},
	{ID: "MQTT-3.10.4-4", Says: "UNSUBSCRIBE is answered by UNSUBACK", Test: check.Unsuback},
	{ID: "MQTT-3.10.4-5", Says: "with its packet identifier, even if nothing is removed", Test: unsubackAlways},
	{ID: "MQTT-3.10.4-6", Says: "several filters are as several UNSUBSCRIBEs, with one UNSUBACK", Test: check.ManyFiltersRemoved},
}}

var unsuback = suite.Section{Name: "3.11 UNSUBACK", Statements: []suite.Statement{
	{ID: "MQTT-3.11.2-1", Says: "no reason string that makes it too large", Test: noRoom(packet.TypeUnsuback, false)},
	{ID: "MQTT-3.11.2-2", Says: "nor user properties", Test: noRoom(packet.TypeUnsuback, true)},
	{ID: "MQTT-3.11.3-1", Says: "codes are in the order of the filters", Test: unsubackCodes},
	{ID: "MQTT-3.11.3-2", Says: "codes are UNSUBACK's", Test: unsubackCodes},
}}

// noLocal: not the client's own, but everybody else's; a retained one of its own neither.
func noLocal(t *suite.T) {
	topic := t.Topic("a")
	c, other := t.Client("c"), t.Client("other")
	c.Subscribe(packet.Filter{Filter: topic, QoS: 2, NoLocal: true})
	for qos := range byte(3) {
		c.Say(topic, "own", qos)
		other.Say(topic, "other's", qos)
		c.Take(topic, "other's")
		c.Quiet()
	}
}

// replaced: with all its options.
func replaced(t *suite.T) {
	t.Sub("QoS", check.Replaced)
	t.Sub("no local", func(t *suite.T) {
		topic := t.Topic("a")
		c := t.Client("c")
		c.Subscribe(packet.Filter{Filter: topic, NoLocal: true})
		c.Join(topic, 0)
		c.SendPublish(suite.Message(topic, "own", 0))
		c.Take(topic, "own")
	})
	t.Sub("identifier", func(t *suite.T) {
		topic := t.Topic("a")
		sub, pub := t.Client("sub"), t.Client("pub")
		for _, id := range []uint32{1, 2, 0} {
			sub.SubscribeWith(packet.Subscribe{SubscriptionID: id, Filters: []packet.Filter{suite.Filter(topic, 0)}})
			pub.Say(topic, "x", 0)
			if got := sub.Take(topic, "x").SubscriptionIDs; id == 0 && len(got) > 0 || id > 0 && !slices.Equal(got, []uint32{id}) {
				t.Errorf("identifiers %d instead of %d", got, id)
			}
		}
	})
}

func noLocalShared(t *suite.T) {
	p := t.Client("")
	p.Send(suite.Raw(0x82, suite.U16(1), []byte{0}, suite.Str("$share/g/"+t.Topic("a")), []byte{0x05}))
	p.End(packet.ProtocolError)
}

func unsubackAlways(t *suite.T) {
	t.Sub("identifier", check.Unsuback)
	t.Sub("nothing removed", check.UnsubackForNothing)
}

func unsubackCodes(t *suite.T) {
	p := t.Client("")
	p.Subscribe(suite.Filter(t.Topic("a"), 0), suite.Filter(t.Topic("b"), 0), suite.Filter(t.Topic("+"), 0))
	got := p.Unsubscribe(t.Topic("a"), t.Topic("none"), t.Topic("+"), t.Topic("#"), t.Topic("b"), t.Topic("a")).Reasons
	none := packet.NoSubscriptionExisted
	if want := []packet.ReasonCode{0, none, 0, none, 0, none}; !slices.Equal(got, want) {
		t.Errorf("UNSUBACK %v, want %v", got, want)
	}
}
