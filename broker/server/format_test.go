package server_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// formatted is the encoded properties of a payload that is said to be text, or bytes.
func formatted(indicator byte) []byte {
	return packet.AppendForward(nil, &packet.PublishProperties{User: []packet.UserProperty{{Name: "a", Value: "b"}}, PayloadFormat: &indicator})
}

// TestPayloadFormat: a payload that is not the UTF-8 that it is said to be is refused, where that is asked for.
func TestPayloadFormat(t *testing.T) {
	for _, validate := range []bool{false, true} {
		cfg := open(t)
		cfg.MQTT.ValidatePayloadFormat = validate
		b := run(t, cfg)
		sub, pub := b.connect("sub", true, packet.V5), b.connect("pub", true, packet.V5)
		sub.Subscribe(filter("#", 0))
		for qos := range byte(3) {
			for _, test := range []struct {
				indicator byte
				payload   string
				bad       bool
			}{{0, "\xff", false}, {1, "gr\u00fc\u00df\x00e", false}, {1, "", false}, {1, "\xc3", true}, {1, "\xed\xa0\x80", true}} {
				p := text("a", test.payload, qos)
				p.Forward = formatted(test.indicator)
				bad := test.bad && validate
				switch {
				case bad && qos == 0:
					pub.SendPublish(p)
					pub.ExpectDisconnect(packet.PayloadFormatInvalid)
					pub = b.connect("pub", true, packet.V5)
				case bad:
					if got := pub.Publish(p); got != packet.PayloadFormatInvalid {
						t.Errorf("QoS %d, %q: %v", qos, test.payload, got)
					}
				default:
					if got := pub.Publish(p); got != packet.Success {
						t.Errorf("QoS %d, %q: %v", qos, test.payload, got)
					}
					sub.Take("a", test.payload)
				}
			}
		}
		sub.Quiet()
		p := hello("will", true, packet.V5)
		p.Will = &packet.Will{Topic: "w", Payload: []byte("\xff"), Forward: formatted(1)}
		want := packet.Success
		if validate {
			want = packet.PayloadFormatInvalid
		}
		if got := mqtttest.Dial(t, b.addr()).Connect(p).Reason; got != want {
			t.Errorf("validate %v, will: %v", validate, got)
		}
		b.stop()
	}
}

// TestForwardedInOrder: what a publisher says of its message comes as it was said, and in that order, whatever is between.
// [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-18] [MQTT-3.3.2-20]
func TestForwardedInOrder(t *testing.T) {
	versions(t, func(t *testing.T, b *broker, v packet.Version) {
		if v != packet.V5 {
			return
		}
		sub, pub := b.connect("sub", false, packet.V5), b.connect("pub", true, packet.V5)
		sub.Subscribe(filter("#", 1))
		user := func(name, value string) []byte {
			return packet.AppendForward(nil, &packet.PublishProperties{User: []packet.UserProperty{{Name: name, Value: value}}})
		}
		parts := [][]byte{
			user("b", "1"),
			packet.AppendForward(nil, &packet.PublishProperties{CorrelationData: []byte{0, 0xff}}),
			user("a", "2"),
			packet.AppendForward(nil, &packet.PublishProperties{ResponseTopic: "answers/c"}),
			user("b", "1"),
			packet.AppendForward(nil, &packet.PublishProperties{ContentType: "text/plain"}),
		}
		raw := []byte{0x32, 0, 0, 1, 'a', 0, 1, 0}
		var want []byte
		for i, part := range parts {
			if i == 2 {
				raw = append(raw, 0x23, 0, 7) // topic alias
			}
			if i == 4 {
				raw = append(raw, 0x02, 0, 0, 0, 99) // message expiry interval
			}
			raw, want = append(raw, part...), append(want, part...)
		}
		raw[7] = byte(len(raw) - 8)
		raw = append(raw, 'x')
		raw[1] = byte(len(raw) - 2)
		pub.Send(raw)
		pub.ExpectAck(packet.TypePuback, 1)
		got := sub.Take("a", "x")
		if diff := cmp.Diff(want, got.Forward); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
