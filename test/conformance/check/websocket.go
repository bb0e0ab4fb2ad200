package check

import (
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

// helloOver sends a CONNECT over a WebSocket in binary frames of these sizes, the last of what is left.
func helloOver(t *suite.T, w *suite.WebSocketPeer, more []byte, sizes ...int) {
	t.Helper()
	hello := t.Hello("", true)
	hello.Version = t.Version
	stream := append(hello.Append(nil), more...)
	for _, n := range sizes {
		n = min(n, len(stream))
		w.Frame(suite.BinaryFrame, stream[:n])
		stream = stream[n:]
	}
	w.Frame(suite.BinaryFrame, stream)
}

// BinaryFrames checks that packets come in binary frames, and another frame with data ends the connection.
func BinaryFrames(t *suite.T) {
	w := t.WebSocket()
	helloOver(t, w, nil)
	if kind, data := w.Read(); kind != suite.BinaryFrame || len(data) == 0 || data[0] != 0x20 {
		t.Fatalf("frame of type %d: % x", kind, data)
	}
	w.Frame(suite.TextFrame, []byte{0xC0, 0})
	w.End()
}

// Unaligned checks that packets and frames need not begin together: several packets in a frame, a packet in several frames.
func Unaligned(t *suite.T) {
	pings := []byte{0xC0, 0, 0xC0, 0, 0xC0, 0}
	for _, sizes := range [][]int{nil, {1, 1, 1, 1, 1, 1, 1}, {5}, {3, 10, 2}} {
		t.Sub(fmt.Sprint(sizes), func(t *suite.T) {
			w := t.WebSocket()
			helloOver(t, w, pings, sizes...)
			var all []byte
			for len(all) < 2 || len(all) < 2+int(all[1])+len(pings) { // CONNACK is short
				kind, data := w.Read()
				if kind != suite.BinaryFrame {
					t.Fatalf("frame of type %d", kind)
				}
				all = append(all, data...)
			}
			if all[0] != 0x20 || all[len(all)-1] != 0 || packet.Type(all[len(all)-2]>>4) != packet.TypePingresp {
				t.Errorf("answer % x", all)
			}
		})
	}
}

// SubProtocol checks that the sub-protocol that the server selects is mqtt.
func SubProtocol(t *suite.T) {
	if got := t.WebSocket().SubProtocol; got != "mqtt" {
		t.Errorf("sub-protocol %q", got)
	}
}
