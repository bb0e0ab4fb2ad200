package server_test

import (
	"net"
	"runtime"
	"strconv"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestRest: connections that wait for their clients have no goroutine, and take what comes all the same.
func TestRest(t *testing.T) {
	const most = 200
	b := run(t, open(t))
	before := runtime.NumGoroutine()
	clients := make([]*mqtttest.Client, most)
	for i := range clients {
		clients[i] = b.connect(strconv.Itoa(i), true, packet.V5)
	}
	eventually(t, "they rest", func() bool { return runtime.NumGoroutine()-before < most/10 })
	for _, c := range clients {
		c.Quiet()
	}
}

// TestSilentRest: nor have those that have sent nothing yet; they come in when they send CONNECT, and end with the broker.
func TestSilentRest(t *testing.T) {
	const most = 200
	b := run(t, open(t))
	before := runtime.NumGoroutine()
	clients := make([]*mqtttest.Client, most)
	for i := range clients {
		clients[i] = mqtttest.Dial(t, b.addr())
	}
	eventually(t, "they are there", func() bool { return b.Connections() == most })
	eventually(t, "they rest", func() bool { return runtime.NumGoroutine()-before < most/10 })
	for i, c := range clients[:most/2] {
		c.Connect(hello(strconv.Itoa(i), true, packet.V5))
	}
	b.stop()
	for _, c := range clients[most/2:] {
		c.ExpectEnd()
	}
}

// TestEndBehindPacket: the end of a stream is seen wherever it comes: with a packet, in the same read, or after it.
func TestEndBehindPacket(t *testing.T) {
	b := run(t, open(t))
	p := hello("", true, packet.V5)
	connect := p.Append(nil)
	for _, together := range []bool{false, true} {
		for range 200 {
			nc, err := net.Dial("tcp", b.addr())
			if err != nil {
				t.Fatal(err)
			}
			ping := []byte{byte(packet.TypePingreq) << 4, 0}
			send := [][]byte{connect, ping}
			if together {
				send = [][]byte{append(connect[:len(connect):len(connect)], ping...)}
			}
			for _, wire := range send {
				if _, err := nc.Write(wire); err != nil {
					t.Fatal(err)
				}
			}
			if err := nc.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			c := mqtttest.New(t, nc)
			c.Expect(packet.TypeConnack)
			c.Expect(packet.TypePingresp)
			c.ExpectEnd()
		}
	}
}
