package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// floodTime is how long a flood lasts, and floodBytes how much of it there is at most.
const (
	floodTime  = 300 * time.Millisecond
	floodBytes = 24 << 20
	// floodTopics is how many topics a flood of PUBLISHes has.
	floodTopics = 100
)

// connectWire is a CONNECT of MQTT 5 with a clean start.
func connectWire(id string) []byte {
	p := packet.Connect{ClientID: id, CleanStart: true, Version: packet.V5}
	return p.Append(nil)
}

// flood writes as much as the broker takes within floodTime, and reads nothing. next is the n-th piece.
func (b *target) flood(nc net.Conn, next func(n int) []byte) {
	b.t.Helper()
	_ = nc.SetWriteDeadline(time.Now().Add(floodTime))
	var buf []byte
	for n, sent := 0, 0; sent < floodBytes; sent += len(buf) {
		for buf = buf[:0]; len(buf) < 32<<10; n++ {
			buf = append(buf, next(n)...)
		}
		if _, err := nc.Write(buf); err != nil {
			return // the broker does not read any more, or has ended it
		}
	}
}

// TestFloods: a client that sends one type of packet as fast as it can, and reads nothing, is not read from for ever; what
// it makes the broker hold is bounded.
func TestFloods(t *testing.T) {
	t.Parallel()
	id := func(n int) uint16 { return uint16(n%65535 + 1) }
	ack := func(of packet.Type) func(int) []byte {
		return func(n int) []byte { return (&packet.Ack{PacketID: id(n)}).Append(nil, of, packet.V5) }
	}
	publish := func(qos byte, size int, retain bool) func(int) []byte {
		payload := bytes.Repeat([]byte("x"), size)
		return func(n int) []byte {
			p := packet.Publish{Topic: fmt.Appendf(nil, "flood/%d", n%floodTopics), QoS: qos, Payload: payload, Retain: retain}
			if qos > 0 {
				p.PacketID = id(n)
			}
			return p.Append(nil, packet.V5)
		}
	}
	subscribe := func(filters int, name string) func(int) []byte {
		return func(n int) []byte {
			p := packet.Subscribe{PacketID: id(n)}
			for i := range filters {
				p.Filters = append(p.Filters, packet.Filter{Filter: fmt.Sprintf(name, n, i)})
			}
			return p.Append(nil, packet.V5)
		}
	}
	floods := map[string]func(n int) []byte{
		"CONNECT":             func(int) []byte { return connectWire("flood") },
		"PUBLISH QoS 0":       publish(0, 20, false),
		"PUBLISH QoS 1":       publish(1, 20, false),
		"PUBLISH QoS 2":       publish(2, 20, false),
		"PUBLISH empty":       publish(0, 0, false),
		"PUBLISH large":       publish(0, 900<<10, false),
		"PUBLISH retained":    publish(0, 100, true),
		"PUBACK":              ack(packet.TypePuback),
		"PUBREC":              ack(packet.TypePubrec),
		"PUBREL":              ack(packet.TypePubrel),
		"PUBCOMP":             ack(packet.TypePubcomp),
		"SUBSCRIBE the same":  subscribe(1, "a%.0[1]d%.0[2]d"),
		"SUBSCRIBE invalid":   subscribe(10, "a#%d%d"),
		"SUBSCRIBE with many": subscribe(100, "a/%d/%d"),
		"UNSUBSCRIBE": func(n int) []byte {
			return (&packet.Unsubscribe{PacketID: id(n), Filters: []string{"a"}}).Append(nil, packet.V5)
		},
		"PINGREQ":                  func(int) []byte { return packet.AppendPingreq(nil) },
		"PINGRESP":                 func(int) []byte { return packet.AppendPingresp(nil) },
		"AUTH":                     func(int) []byte { return (&packet.Auth{Method: "x", Reason: packet.ReAuthenticate}).Append(nil) },
		"DISCONNECT":               func(int) []byte { return (&packet.Disconnect{}).Append(nil, packet.V5) },
		"zeros":                    func(int) []byte { return make([]byte, 1024) },
		"PUBLISH to itself":        nil, // below
		"PUBLISH to itself, QoS 1": nil,
	}
	b := start(t, nil)
	b.attack(64, func() {
		for name, next := range floods {
			for _, dial := range []func() net.Conn{func() net.Conn { return b.dial(b.Addr) }, b.dialTLS} {
				nc := dial()
				hello := connectWire("flood")
				if next == nil {
					qos := byte(0)
					if name == "PUBLISH to itself, QoS 1" {
						qos = 1
					}
					hello = append(hello, (&packet.Subscribe{PacketID: 1, Filters: []packet.Filter{{Filter: "flood/#", QoS: qos}}}).Append(nil, packet.V5)...)
					b.flood(nc, prefixed(hello, publish(qos, 100, false)))
				} else {
					b.flood(nc, prefixed(hello, next))
				}
				_ = nc.Close() // the broker may have done so
			}
		}
		b.clear()
	})
}

// prefixed is next with hello first.
func prefixed(hello []byte, next func(int) []byte) func(int) []byte {
	return func(n int) []byte {
		if n == 0 {
			return append(hello, next(0)...)
		}
		return next(n)
	}
}

// clear removes the retained messages of the floods.
func (b *target) clear() {
	b.t.Helper()
	c, _, err := client.Start(b.Addr, packet.Connect{ClientID: "clear", CleanStart: true})
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	for n := range floodTopics {
		c.Publish(&packet.Publish{Topic: fmt.Appendf(nil, "flood/%d", n), Retain: true})
	}
	c.Ping()
	if _, err := c.Expect(packet.TypePingresp); err != nil {
		b.t.Fatal(err)
	}
}

// TestConnectionFlood: connections that say nothing are gone after the time for CONNECT; those that come and go leave nothing.
func TestConnectionFlood(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.attack(32, func() {
		var silent []net.Conn
		for range 600 {
			silent = append(silent, b.dial(b.Addr))
		}
		for n := range 1500 {
			nc := b.dial(b.Addr)
			switch n % 4 {
			case 0:
				_ = nc.SetLinger(0) // Close sends RST
			case 1:
				_, _ = nc.Write(connectWire(fmt.Sprint("c", n))) // that it is refused does not matter
			case 2:
				_, _ = nc.Write(connectWire("one")) // each takes over the one before
			}
			_ = nc.Close()
		}
		for _, nc := range silent {
			b.wait(nc)
		}
	})
}

// TestMaxConnections: what is beyond a listener's bound is closed at once.
func TestMaxConnections(t *testing.T) {
	t.Parallel()
	b := start(t, func(c *config.Config) { c.Listeners[1].MaxConnections = 5 })
	b.attack(16, func() {
		var open []net.Conn
		for range 5 {
			nc := b.dialTLS()
			_, _ = nc.Write(connectWire("")) // a failure shows below
			if _, err := nc.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			open = append(open, nc)
		}
		var refused []net.Conn
		for range 200 {
			refused = append(refused, b.dial(b.tls))
		}
		for _, nc := range refused { // that say nothing: they end when their time for CONNECT does, at the latest
			b.wait(nc)
		}
		for _, nc := range open {
			_ = nc.Close()
		}
	})
}

// TestLargeConnects: client identifiers, user names, passwords and wills of 64 KiB, and as many user properties as a packet holds.
func TestLargeConnects(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	long := strings.Repeat("x", 65535)
	user := make([]packet.UserProperty, 100_000) // 5 bytes each
	b.attack(64, func() {
		for n := range 60 {
			p := packet.Connect{
				ClientID: long[:65530] + fmt.Sprintf("%05d", n), CleanStart: true, Version: packet.V5, HasUsername: true, Username: long,
				HasPassword: true, Password: []byte(long), Will: &packet.Will{Topic: long[:1000], Payload: []byte(long)},
			}
			if n%3 == 0 {
				p.Properties.User = user
			}
			_, _ = b.sayRaw(p.Append(nil))
		}
	})
}

// sayRaw sends wire and reads until the broker ends the connection or answers.
func (b *target) sayRaw(wire []byte) ([]byte, error) {
	b.t.Helper()
	nc := b.dial(b.Addr)
	defer nc.Close() //nolint:errcheck // the broker may have closed it
	if _, err := nc.Write(wire); err != nil {
		return nil, err
	}
	got := make([]byte, 4096)
	n, err := nc.Read(got)
	return got[:n], err
}

// TestUserProperties: every packet that has properties, full of them; they are many times as large in memory.
func TestUserProperties(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	user := make([]packet.UserProperty, 150_000)
	forward := bytes.Repeat([]byte{0x26, 0, 0, 0, 0}, 150_000)
	packets := [][]byte{
		(&packet.Ack{PacketID: 1, Reason: packet.UnspecifiedError, User: user}).Append(nil, packet.TypePuback, packet.V5),
		(&packet.Ack{PacketID: 1, Reason: packet.PacketIdentifierNotFound, User: user}).Append(nil, packet.TypePubrel, packet.V5),
		(&packet.Subscribe{PacketID: 1, User: user, Filters: []packet.Filter{{Filter: "a"}}}).Append(nil, packet.V5),
		(&packet.Unsubscribe{PacketID: 1, User: user, Filters: []string{"a"}}).Append(nil, packet.V5),
		(&packet.Publish{Topic: []byte("a"), Forward: forward}).Append(nil, packet.V5),
		(&packet.Disconnect{Reason: packet.UnspecifiedError, User: user}).Append(nil, packet.V5),
	}
	b.attack(64, func() {
		for range 4 {
			for _, p := range packets {
				nc := b.dial(b.Addr)
				_, _ = nc.Write(append(connectWire("user"), p...)) // that the broker ends it does not matter
				_ = nc.CloseWrite()
				b.wait(nc)
			}
		}
	})
}

// TestSubscriptionFlood: filters up to the limit of a session are granted, what is beyond is refused, and all go with it.
func TestSubscriptionFlood(t *testing.T) {
	t.Parallel()
	const limit, each = 2000, 100
	b := start(t, func(c *config.Config) { c.MQTT.MaxSubscriptionsPerSession = limit })
	b.attack(32, func() {
		for n := range 5 {
			c, _, err := client.Start(b.Addr, packet.Connect{ClientID: fmt.Sprint("s", n), CleanStart: true})
			if err != nil {
				t.Fatal(err)
			}
			granted, refused := 0, 0
			for k := range limit/each + 5 {
				var filters []packet.Filter
				for i := range each {
					filters = append(filters, packet.Filter{Filter: fmt.Sprintf("%d/%d/+/%s/#", k, i, strings.Repeat("x/", 50))})
				}
				c.Subscribe(uint16(k+1), filters...)
				p, err := c.Expect(packet.TypeSuback)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range p.Suback.Reasons {
					switch r {
					case packet.GrantedQoS0:
						granted++
					case packet.QuotaExceeded:
						refused++
					}
				}
			}
			c.Close()
			if granted != limit || refused != 5*each {
				t.Errorf("%d granted, %d refused; want %d and %d", granted, refused, limit, 5*each)
			}
		}
	})
}

// TestRetainedFlood: retained messages on many topics go when they are cleared.
func TestRetainedFlood(t *testing.T) {
	t.Parallel()
	b := start(t, nil)
	b.attack(64, func() {
		c, _, err := client.Start(b.Addr, packet.Connect{ClientID: "r", CleanStart: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, payload := range [][]byte{bytes.Repeat([]byte("x"), 1000), nil} {
			for n := range 8000 {
				topic := binary.BigEndian.AppendUint32([]byte("r/"), 0x61616161+uint32(n&15|n&0xF0<<4|n&0xF00<<8|n&0xF000<<12))
				c.Publish(&packet.Publish{Topic: topic, Payload: payload, Retain: true})
			}
			c.Ping()
			if _, err := c.Expect(packet.TypePingresp); err != nil {
				t.Fatal(err)
			}
		}
	})
}
