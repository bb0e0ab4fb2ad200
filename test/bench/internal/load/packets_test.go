package load

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// What the generator sends is what the broker's own codec reads.
func TestPacketsAreMQTT(t *testing.T) {
	for name, p := range map[string][]byte{
		"CONNECT":         connectPacket("client", true),
		"SUBSCRIBE":       subscribePacket(7, 1, "a/+", "#"),
		"PUBLISH QoS 0":   publishPacket("a/b", 0, true, []byte("payload")),
		"PUBLISH, longer": publishPacket("a/b", 0, false, bytes.Repeat([]byte("x"), 300)),
		"PUBLISH, 3-byte": publishPacket("a/b", 0, false, bytes.Repeat([]byte("x"), 40_000)),
	} {
		first, body, rest, whole := split(append(p, 0xc0))
		if !whole || first != p[0] || !bytes.HasSuffix(p, body) || !bytes.Equal(rest, []byte{0xc0}) {
			t.Errorf("%s: split gives %x, %d bytes, rest %x, whole %v", name, first, len(body), rest, whole)
		}
	}
	first, body, _, _ := split(publishPacket("a/b", 1, false, []byte("payload")))
	body[5], body[6] = 0, 9
	var got packet.Publish
	if err := got.Parse(first&15, body, packet.V311); err != nil {
		t.Fatal(err)
	}
	if string(got.Topic) != "a/b" || got.QoS != 1 || got.PacketID != 9 || string(got.Payload) != "payload" {
		t.Errorf("PUBLISH: %+v", got)
	}
	if string(payloadOf(body, 1)) != "payload" || !bytes.Equal(identifierOf(body), []byte{0, 9}) {
		t.Errorf("payload %q, identifier %x", payloadOf(body, 1), identifierOf(body))
	}
}

// A packet that is not whole is left until it is.
func TestSplitTruncated(t *testing.T) {
	p := publishPacket("a/b", 0, false, bytes.Repeat([]byte("x"), 200))
	for n := range p {
		if _, _, rest, whole := split(p[:n]); whole || len(rest) != n {
			t.Fatalf("%d of %d bytes: whole %v, rest %d", n, len(p), whole, len(rest))
		}
	}
}

// server is a frame as a broker sends it: not masked.
func server(opcode byte, p []byte) []byte {
	masked := (&frames{}).seal(nil, p)
	head := 2
	switch masked[1] & 127 {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	frame := append([]byte{0x80 | opcode, masked[1] & 127}, masked[2:head]...)
	return append(frame, p...)
}

// Frames come out the same wherever they are cut.
func TestFrames(t *testing.T) {
	var wire, want []byte
	wire = append(wire, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"...)
	for _, n := range []int{0, 1, 125, 126, 300, 70_000} {
		p := bytes.Repeat([]byte{byte(n)}, n)
		wire, want = append(wire, server(2, p)...), append(want, p...)
	}
	for _, step := range []int{1, 2, 7, 1000, len(wire)} {
		f, got := &frames{}, []byte(nil)
		for b := wire; len(b) > 0; b = b[min(step, len(b)):] {
			var err error
			if got, err = f.open(got, b[:min(step, len(b))]); err != nil {
				t.Fatal(err)
			}
		}
		if !f.ready() || !bytes.Equal(got, want) {
			t.Errorf("in steps of %d: ready %v, %d bytes, want %d", step, f.ready(), len(got), len(want))
		}
	}
}

func TestFramesRefused(t *testing.T) {
	upgraded := "HTTP/1.1 101 Switching Protocols\r\n\r\n"
	for name, wire := range map[string]string{
		"404":        "HTTP/1.1 404 Not Found\r\n\r\n",
		"no end":     string(bytes.Repeat([]byte("x"), maxAnswer+1)),
		"closed":     upgraded + string(server(opcodeClose, nil)),
		"after data": upgraded + string(server(2, []byte("x"))) + string(server(opcodeClose, []byte{3, 232})),
	} {
		if _, err := (&frames{}).open(nil, []byte(wire)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestBusy(t *testing.T) {
	got, err := busy("cpu  10 1 20 400 30 2 3 4 0 0\ncpu0 1 1 1 1\n")
	if err != nil || got != 40*tick {
		t.Errorf("busy: %v, %v; want %v", got, err, 40*tick)
	}
	for _, wrong := range []string{"", "cpu  1 2 3\n", "intr 1 2 3 4 5 6 7 8\n", "cpu  a 1 1 1 1 1 1 1\n"} {
		if _, err := busy(wrong); err == nil {
			t.Errorf("%q: no error", wrong)
		}
	}
}

// A publisher keeps its window: what is neither delivered nor acknowledged.
func TestWindow(t *testing.T) {
	for name, c := range map[string]struct {
		p    publisher
		want int
	}{
		"QoS 0":                     {publisher{fan: 1, sent: 10, delivered: 4}, 6},
		"fan-out":                   {publisher{fan: 3, sent: 10, delivered: 14}, 6},
		"QoS 1, acks are behind":    {publisher{qos: 1, fan: 1, sent: 10, delivered: 9, acked: 3}, 7},
		"QoS 1, delivery is behind": {publisher{qos: 1, fan: 1, sent: 10, delivered: 2, acked: 9}, 8},
	} {
		if diff := cmp.Diff(c.want, c.p.open()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
