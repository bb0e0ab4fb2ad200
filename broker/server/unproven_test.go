package server_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// TestUnprovenOnce: a QoS 2 message whose write has failed, so that nobody knows whether it is stored, is one when its publisher
// sends it again on the next connection, whether it was there or not, and with a restart in between too. [MQTT-4.3.3-2]
func TestUnprovenOnce(t *testing.T) {
	for _, mode := range []int32{refused, unproven} {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			for _, restart := range []bool{false, true} {
				t.Run(fmt.Sprintf("mode %d/%v/restart %v", mode, v, restart), func(t *testing.T) {
					cfg := durable(t)
					b, f := startFaulty(t, cfg)
					away(t, b, "away", v, filter("a", 2))
					pub, _ := resume(t, b, "pub", v)
					f.mode.Store(mode)
					for id := uint16(7); id <= 8; id++ {
						sendQoS2(pub, v, id, false)
					}
					if v == packet.V5 {
						pub.ExpectDisconnect(packet.ImplementationSpecificError)
					} else {
						pub.ExpectEnd()
					}
					f.mode.Store(works)
					if restart {
						b.stop()
						b = start(t, cfg)
					}
					pub, present := resume(t, b, "pub", v)
					if !present {
						t.Error("the publisher's session is gone")
					}
					for id := uint16(7); id <= 9; id++ {
						sendQoS2(pub, v, id, id < 9)
						if got := pub.ExpectAck(packet.TypePubrec, id); got.Reason.Failed() {
							t.Errorf("PUBREC %d: %v", id, got.Reason)
						}
						pub.Ack(packet.TypePubrel, id)
						pub.ExpectAck(packet.TypePubcomp, id)
					}
					c, _ := resume(t, b, "away", v)
					takeAll(t, c, "7", "8", "9")
					c.Quiet()
				})
			}
		}
	}
}

func sendQoS2(c interface{ Send(b []byte) }, v packet.Version, id uint16, dup bool) {
	p := text("a", fmt.Sprint(id), 2)
	p.PacketID, p.Dup = id, dup
	c.Send(p.Append(nil, v))
}

// TestNoAckBehindARefusal: a QoS 2 PUBLISH that is sent twice on one connection, and the first of which is refused or in doubt, is not
// acknowledged for the second.
func TestNoAckBehindARefusal(t *testing.T) {
	for _, v := range []packet.Version{packet.V311, packet.V5} {
		for _, why := range []error{store.ErrFull, errBroken} {
			b, f := startFaulty(t, durable(t))
			away(t, b, "away", v, filter("a", 2))
			pub, _ := resume(t, b, "pub", v)
			f.mode.Store(stuck)
			sendQoS2(pub, v, 7, false)
			eventually(t, "the first is on its way", func() bool {
				f.mu.Lock()
				defer f.mu.Unlock()
				return len(f.stuck) > 0
			})
			sendQoS2(pub, v, 7, true)
			pub.Quiet()
			f.fail(why)
			switch {
			case v == packet.V311:
				pub.ExpectEnd()
			case errors.Is(why, errBroken):
				pub.ExpectDisconnect(packet.ImplementationSpecificError)
			default:
				for range 2 {
					if got := pub.ExpectAck(packet.TypePubrec, 7); got.Reason != packet.QuotaExceeded {
						t.Errorf("PUBREC: %v", got.Reason)
					}
				}
			}
		}
	}
}
