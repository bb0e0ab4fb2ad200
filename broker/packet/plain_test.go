package packet

import (
	"bytes"
	"strings"
	"testing"
)

// A Plain is the same packet as the Publish that says as much, also where lengths need more bytes.
func TestPlain(t *testing.T) {
	topics := []string{"a", strings.Repeat("t", 65535)}
	payloads := [][]byte{nil, []byte("x"), make([]byte, 116), make([]byte, 123), make([]byte, 124), make([]byte, 16380), make([]byte, 1<<21)}
	forwards := [][]byte{nil, {0x01, 1}, bytes.Repeat([]byte{0x26, 0, 1, 'k', 0, 1, 'v'}, 100)}
	for _, v := range []Version{V31, V311, V5} {
		for _, topic := range topics {
			for _, payload := range payloads {
				for _, forward := range forwards {
					for qos := range byte(3) {
						retain := len(payload)%2 == 0
						plain := Plain{Topic: topic, Payload: payload, Forward: forward, QoS: qos, Retain: retain, PacketID: 0x1234}
						same := Publish{Topic: []byte(topic), Payload: payload, Forward: forward, QoS: qos, Retain: retain, PacketID: 0x1234}
						want := same.Append(nil, v)
						if got := plain.Append([]byte("before"), v); !bytes.Equal(got, append([]byte("before"), want...)) || plain.Size(v) != len(want) {
							t.Fatalf("version %v, QoS %d, topic of %d bytes, payload of %d, properties of %d: %d bytes, said to be %d, and not %d",
								v, qos, len(topic), len(payload), len(forward), len(got)-len("before"), plain.Size(v), len(want))
						}
					}
				}
			}
		}
	}
}
