package server_test

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestReasonStrings: who asks is told why; who does not want it, or takes no packet so large, is told the code alone.
// [MQTT-3.1.2-29] [MQTT-3.4.2-2] [MQTT-3.9.2-1]
func TestReasonStrings(t *testing.T) {
	b, _ := guarded(t)
	for _, test := range []struct {
		name  string
		props packet.ConnectProperties
		told  bool
	}{
		{"as is", packet.ConnectProperties{}, true},
		{"no problem information", packet.ConnectProperties{NoProblemInformation: true}, false},
		{"no room", packet.ConnectProperties{MaximumPacketSize: 20}, false},
		{"room", packet.ConnectProperties{MaximumPacketSize: 200}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := as("ann", "ann", packet.V5)
			p.Properties = test.props
			c := mqtttest.Start(t, b.addr(), p)
			check := func(what, got, want string) {
				t.Helper()
				if test.told != strings.Contains(got, want) || !test.told && got != "" {
					t.Errorf("%s: %q", what, got)
				}
			}
			for _, qos := range []byte{1, 2} {
				id := c.SendPublish(text("secret/x", "x", qos))
				ack := c.Packet().Ack
				if ack.PacketID != id || ack.Reason != packet.NotAuthorized {
					t.Fatalf("%+v", ack)
				}
				check("PUBLISH", ack.ReasonString, "do not let this client publish")
			}
			s := packet.Subscribe{PacketID: 9, Filters: []packet.Filter{filter("open/x", 1), filter("secret/\"", 1), filter("a/#/b", 1)}}
			c.Send(s.Append(nil, packet.V5))
			suback := c.Expect(packet.TypeSuback).Suback
			check("SUBSCRIBE", suback.ReasonString, `filter "secret/\"": the access rules do not let this client subscribe to it; 1 more are refused`)
			c.Send([]byte{0x82, 3, 0, 1, 0})
			end := c.Expect(packet.TypeDisconnect).Disconnect
			check("DISCONNECT", end.ReasonString, "SUBSCRIBE: ")
			p.Password = []byte("wrong")
			c = mqtttest.Dial(t, b.addr())
			no := c.Connect(p)
			if no.Reason != packet.BadUserNameOrPassword || test.told != (no.Properties.ReasonString != "") && test.name != "no room" {
				t.Errorf("CONNACK: %v %q", no.Reason, no.Properties.ReasonString)
			}
		})
	}
}

// TestFullQueueIsExplained: that a subscriber has no room is a reason, too.
func TestFullQueueIsExplained(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.MaxQueuedMessages, cfg.MQTT.QueuePolicy = 1, "Refuse"
	b := run(t, cfg)
	sub := b.connect("sub", false, packet.V5)
	sub.Subscribe(filter("a", 1))
	sub.Disconnect(packet.Disconnect{})
	pub := b.connect("pub", true, packet.V5)
	pub.Say("a", "x", 1)
	pub.SendPublish(text("a", "y", 1))
	if got := pub.Expect(packet.TypePuback).Ack; got.Reason != packet.QuotaExceeded || !strings.Contains(got.ReasonString, "queue") {
		t.Errorf("%v %q", got.Reason, got.ReasonString)
	}
}
