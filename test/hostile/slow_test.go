package hostile

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// drip writes wire byte by byte, one each tick, until the broker ends the connection; it says after how long.
func (b *target) drip(nc *net.TCPConn, wire string, tick time.Duration) time.Duration {
	b.t.Helper()
	begun := time.Now()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, nc) // how it ends shows in the time
	}()
	next := time.NewTicker(tick)
	defer next.Stop()
	for i := 0; ; i++ {
		select {
		case <-gone:
			return time.Since(begun)
		case <-next.C:
			_, _ = nc.Write([]byte{wire[i%len(wire)]})
		}
	}
}

// TestSlowBeginnings: whatever a connection begins with, byte by byte, it has one time for all of it up to CONNECT.
func TestSlowBeginnings(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	hello := tlsHello(t)
	tests := []struct{ name, addr, wire string }{
		{"nothing", b.Addr, ""},
		{"CONNECT", b.Addr, "\x10\xff\xff\x7f"},
		{"TLS handshake", b.tls, hello},
		{"nothing over TLS", b.tls, ""},
		{"HTTP head", b.ws, "GET /mqtt HTTP/1.1\r\nHost: x\r\nX-Header: y"},
		{"nothing over HTTP", b.ws, ""},
		{"PROXY header 1", b.proxied, "PROXY TCP4 192.0.2.1 192.0.2.2 1 2"},
		{"PROXY header 2", b.proxied, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x0f\x00"},
		{"nothing from a proxy", b.proxied, ""},
	}
	b.attack(16, func() {
		done := make(chan struct{})
		for _, test := range tests {
			for range 8 {
				nc := b.dial(test.addr)
				go func() {
					defer func() { done <- struct{}{} }()
					took := time.Duration(0)
					if test.wire == "" {
						took = b.wait(nc)
					} else {
						took = b.drip(nc, test.wire, 5*time.Millisecond)
					}
					if took > patience {
						t.Errorf("%s: ended after %v", test.name, took)
					}
				}()
			}
		}
		for range 8 * len(tests) {
			<-done
		}
	})
}

// tlsHello is a client's first flight.
func tlsHello(t *testing.T) string {
	t.Helper()
	ours, theirs := net.Pipe()
	go func() { _ = tls.Client(ours, &tls.Config{InsecureSkipVerify: true}).Handshake() }() // nobody answers
	b := make([]byte, 4096)
	n, err := theirs.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = ours.Close(), theirs.Close()
	return string(b[:n])
}

// TestHalfOpen: peers that close one direction, reset, or stop in the middle of a packet.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	whole := string(connectWire("half")) + "\x82\x07\x00\x01\x00\x00\x01a\x01" + "\x32\x07\x00\x01a\x00\x02\x00x"
	b.attack(16, func() {
		for n := range len(whole) + 1 {
			for _, end := range []func(*net.TCPConn){
				func(nc *net.TCPConn) { _ = nc.CloseWrite() }, // the broker ends it
				func(nc *net.TCPConn) { _ = nc.SetLinger(0); _ = nc.Close() },
				func(nc *net.TCPConn) { _ = nc.CloseRead(); _ = nc.CloseWrite() },
			} {
				nc := b.dial(b.Addr)
				_, _ = io.WriteString(nc, whole[:n]) // that the broker ends it does not matter
				end(nc)
				_, _ = io.Copy(io.Discard, nc) // likewise
				_ = nc.Close()
			}
		}
	})
}

// TestDeafSubscribers: clients that subscribe and never read, and one that publishes as fast as it can. What waits is
// bounded, and the others get their messages.
func TestDeafSubscribers(t *testing.T) {
	t.Parallel()
	const deaf, messages, size = 20, 3000, 4000
	b := start(t, func(c *config.Config) {
		c.MQTT.MaxOutboundBytes, c.MQTT.MaxQueuedBytes, c.MQTT.MaxQueuedMessages = 64<<10, 256<<10, 100
	})
	b.attack(32, func() {
		for n := range deaf {
			nc := b.dial(b.Addr)
			_ = nc.SetReadBuffer(4096)
			p := packet.Connect{ClientID: fmt.Sprint("deaf", n), CleanStart: true, Version: packet.V5}
			s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{{Filter: "fast/#", QoS: byte(n % 3)}}}
			if _, err := nc.Write(s.Append(p.Append(nil), packet.V5)); err != nil {
				t.Fatal(err)
			}
			defer nc.Close() //nolint:errcheck // only its end matters
		}
		c, _, err := client.Start(b.Addr, packet.Connect{ClientID: "fast", CleanStart: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		payload := make([]byte, size)
		for n := range messages {
			qos := byte(n % 2)
			c.Publish(&packet.Publish{Topic: []byte("fast/x"), QoS: qos, PacketID: uint16(qos) * uint16(n+1), Payload: payload})
			if qos == 1 {
				if _, err := c.Expect(packet.TypePuback); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
