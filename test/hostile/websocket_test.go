package hostile

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

const upgrade = "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n"

// dialWS opens a WebSocket with more header lines.
func (b *target) dialWS(more string) (*net.TCPConn, *bufio.Reader, http.Header) {
	b.t.Helper()
	nc := b.dial(b.ws)
	if _, err := io.WriteString(nc, upgrade+more+"\r\n"); err != nil {
		b.t.Fatal(err)
	}
	in := bufio.NewReader(nc)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		b.t.Fatalf("handshake: %s", answer.Status)
	}
	return nc, in, answer.Header
}

// frame is a client's frame: first is its first byte.
func frame(first byte, payload []byte) []byte {
	out := []byte{first}
	switch n := len(payload); {
	case n < 126:
		out = append(out, 0x80|byte(n))
	case n < 1<<16:
		out = binary.BigEndian.AppendUint16(append(out, 0x80|126), uint16(n))
	default:
		out = binary.BigEndian.AppendUint64(append(out, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	out = append(out, mask[:]...)
	for i, c := range payload {
		out = append(out, c^mask[i%4])
	}
	return out
}

// The first bytes of frames. RFC 6455 §5.2.
const (
	wsBinary   = 0x82
	wsFragment = 0x02
	wsMore     = 0x00
	wsPing     = 0x89
	wsPong     = 0x8A
)

// status is that of the close frame that ends in; 0: there is none.
func status(in io.Reader) uint16 {
	all, err := io.ReadAll(in)
	if i := strings.LastIndex(string(all), "\x88\x02"); i >= 0 && i+4 == len(all) && (err == nil || ended(err)) {
		return binary.BigEndian.Uint16(all[i+2:])
	}
	return 0
}

// TestWebSocketBreaches: what breaks the WebSocket protocol ends with a close frame that says why.
func TestWebSocketBreaches(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	connect := connectWire("ws")
	tests := []struct {
		name, wire string
		want       uint16
	}{
		{"no mask", "\x82" + string([]byte{byte(len(connect))}) + string(connect), 1002},
		{"text", string(frame(0x81, connect)), 1003},
		{"compression that was not agreed on", string(frame(wsBinary|0x40, []byte("\xaa\x56\x4a\x04\x00"))), 1002},
		{"reserved bits", string(frame(wsBinary|0x30, connect)), 1002},
		{"reserved operation", string(frame(0x83, connect)), 1002},
		{"reserved control", string(frame(0x8B, nil)), 1002},
		{"a ping of 126 bytes", string(frame(wsPing, make([]byte, 126))), 1002},
		{"a fragmented ping", string(frame(0x09, []byte("x"))), 1002},
		{"more of nothing", string(frame(wsMore, connect)), 1002},
		{"a message in a message", string(frame(wsFragment, connect[:3])) + string(frame(wsBinary, connect)), 1002},
		{"2^63 bytes", "\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00mask", 1002},
		{"2^62 bytes", "\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00mask", 1009},
		{"a close of one byte", string(frame(0x88, []byte("x"))), 1002},
		{"a close of 1005", string(frame(0x88, []byte{0x03, 0xED})), 1002},
	}
	b.attack(16, func() {
		for _, test := range tests {
			told := 0
			for n := range 20 {
				nc, in, _ := b.dialWS("")
				if n%2 == 1 { // in a live session
					_, _ = nc.Write(frame(wsBinary, connect)) // a failure shows below
				}
				if _, err := io.WriteString(nc, test.wire); err != nil {
					t.Fatal(err)
				}
				switch got := status(in); got {
				case test.want:
					told++
				case 0: // bytes that the broker has not read make TCP reset the connection, and what it said may be lost
				default:
					t.Errorf("%s: closed with %d, want %d", test.name, got, test.want)
				}
				_ = nc.Close()
			}
			if told == 0 {
				t.Errorf("%s: never closed with %d", test.name, test.want)
			}
		}
	})
}

// TestCompressionOffered: compression is offered by every browser, and never agreed on.
func TestCompressionOffered(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	offers := []string{
		"permessage-deflate", "permessage-deflate; client_max_window_bits", "permessage-deflate; server_max_window_bits=99",
		"x-webkit-deflate-frame, " + strings.Repeat("a;b=c,", 500) + "z",
	}
	b.attack(16, func() {
		for n := range 10 * len(offers) {
			offer := offers[n%len(offers)]
			nc, in, header := b.dialWS("Sec-WebSocket-Extensions: " + offer + "\r\n")
			if got := header.Get("Sec-WebSocket-Extensions"); got != "" {
				t.Errorf("%.40s: %q is agreed on", offer, got)
			}
			_, _ = nc.Write(frame(wsBinary, connectWire("deflate"))) // a failure shows below
			var head [3]byte
			if _, err := io.ReadFull(in, head[:]); err != nil || head[2] != byte(packet.TypeConnack)<<4 {
				t.Errorf("%.40s: % x, %v", offer, head, err)
			}
			_ = nc.Close()
		}
	})
}

// TestWebSocketFloods: pings, empty frames, one-byte fragments of a message without an end, and never a byte read.
func TestWebSocketFloods(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	floods := map[string][]byte{
		"pings":           frame(wsPing, make([]byte, 125)),
		"empty pings":     frame(wsPing, nil),
		"pongs":           frame(wsPong, []byte("x")),
		"empty frames":    frame(wsBinary, nil),
		"empty fragments": frame(wsMore, nil),
		"PINGREQ":         frame(wsBinary, packet.AppendPingreq(nil)),
		"one byte":        frame(wsMore, []byte{0xC0}),
	}
	b.attack(16, func() {
		for _, piece := range floods {
			nc, _, _ := b.dialWS("")
			_, _ = nc.Write(frame(wsBinary, connectWire("ws-flood"))) // a failure shows in what follows
			if piece[0] == wsMore {
				_, _ = nc.Write(frame(wsFragment, packet.AppendPingreq(nil)))
			}
			b.flood(nc, func(int) []byte { return piece })
			_ = nc.Close()
		}
	})
}

// TestSlowWebSocket: a frame that comes byte by byte before CONNECT has no more time than CONNECT has.
func TestSlowWebSocket(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.attack(16, func() {
		for _, wire := range []string{string(frame(wsPing, nil)), string(frame(wsFragment, []byte{0x10, 0xff, 0xff, 0x7f})), string(frame(wsBinary, nil))} {
			nc, _, _ := b.dialWS("")
			if took := b.drip(nc, wire, 5*time.Millisecond); took > patience {
				t.Errorf("% x: ended after %v", wire, took)
			}
		}
	})
}
