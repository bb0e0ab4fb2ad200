package server_test

import (
	"fmt"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestSharedNobodyTakes: what no other member can take is sent again by the session that has it, with its packet identifiers
// and DUP. [MQTT-4.4.0-1]
func TestSharedNobodyTakes(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Config) {
		b := run(t, cfg)
		p := hello("holder", false, packet.V5)
		p.Properties.ReceiveMaximum = 2
		c := mqtttest.Start(t, b.addr(), p)
		c.Subscribe(filter(shared, 1))
		pub := b.connect("pub", true, packet.V5)
		for i := range 6 {
			pub.Say("t", fmt.Sprintf("%0100d", i), 1)
		}
		c.ExpectMessage("t", fmt.Sprintf("%0100d", 0))
		c.ExpectMessage("t", fmt.Sprintf("%0100d", 1))
		p = hello("small", true, packet.V5)
		p.Properties.MaximumPacketSize = 100
		small := mqtttest.Start(t, b.addr(), p)
		small.Subscribe(filter(shared, 1))
		c.Close()
		eventually(t, "it has left", func() bool { return b.Metrics().Connections == 2 && !b.Moving() })
		c, _ = resume(t, b, "holder", packet.V5)
		for i, p := range receive(t, c, 6) {
			if string(p.Payload) != fmt.Sprintf("%0100d", i) || p.PacketID != uint16(1+i) || p.Dup != (i < 2) {
				t.Errorf("message %d: %s with packet identifier %d, DUP %v", i, p.Payload, p.PacketID, p.Dup)
			}
		}
		c.Quiet()
	})
}
