package mqtttest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/client"
)

// Patience is how long a client waits for a packet before the test fails.
const Patience = 20 * time.Second

// Packet is a control packet from the broker.
type Packet = client.Packet

// Client is one connection. It belongs to the test's goroutine, but for Next.
type Client struct {
	// Forgiving: a write that fails is not the test's failure. It shows at the next read, where the end of a connection may be
	// what the test waits for.
	Forgiving bool

	t     testing.TB
	c     *client.Client
	early []Packet // messages that came before an acknowledgement that was waited for
	last  uint16   // packet identifier
}

// Dial connects over TCP. The connection is closed at the end of the test.
func Dial(t testing.TB, addr string) *Client {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return New(t, nc)
}

// New makes a client of a connection, which is closed at the end of the test.
func New(t testing.TB, nc net.Conn) *Client {
	c := &Client{t: t, c: client.New(nc)}
	c.SetPatience(Patience)
	t.Cleanup(c.Close) // it may be closed already
	return c
}

// SetPatience sets how long the client waits for a packet.
func (c *Client) SetPatience(d time.Duration) { c.c.SetPatience(d) }

// SetVersion sets the version in which packets are made and read; it is 5 unless Connect has said otherwise.
func (c *Client) SetVersion(v packet.Version) { c.c.SetVersion(v) }

// Start dials and connects; it fails if the broker refuses.
func Start(t testing.TB, addr string, p packet.Connect) *Client {
	t.Helper()
	c := Dial(t, addr)
	if got := c.Connect(p); got.Reason != packet.Success {
		t.Fatalf("CONNACK: %v %s", got.Reason, got.Properties.ReasonString)
	}
	return c
}

// Conn is the connection itself.
func (c *Client) Conn() net.Conn { return c.c.Conn() }

// Close closes the connection without DISCONNECT.
func (c *Client) Close() { c.c.Close() }

// Reset closes the connection as a crash would: unread data or not, the broker gets an RST.
func (c *Client) Reset() {
	c.t.Helper()
	if err := c.Conn().(*net.TCPConn).SetLinger(0); err != nil {
		c.t.Fatal(err)
	}
	c.Close()
}

// Send writes raw bytes, at once: another goroutine may be reading.
func (c *Client) Send(b []byte) {
	c.t.Helper()
	_ = c.Conn().SetWriteDeadline(time.Now().Add(Patience))
	if _, err := c.Conn().Write(b); err != nil && !c.Forgiving {
		c.t.Fatalf("write: %v", err)
	}
}

// Connect sends CONNECT, as MQTT 5 if it says no version, and returns the CONNACK.
func (c *Client) Connect(p packet.Connect) packet.Connack {
	c.t.Helper()
	if p.Version == 0 {
		p.Version = packet.V5
	}
	c.SetVersion(p.Version)
	c.Send(p.Append(nil))
	return c.Expect(packet.TypeConnack).Connack
}

// Disconnect sends DISCONNECT and waits for the end of the connection, when the session has been given up.
func (c *Client) Disconnect(d packet.Disconnect) {
	c.t.Helper()
	c.Send(d.Append(nil, c.c.Version()))
	c.ExpectEnd()
}

// ID is the next packet identifier.
func (c *Client) ID() uint16 {
	c.last++
	return c.last
}

// Expect is the next packet, which must be of type t.
func (c *Client) Expect(t packet.Type) Packet {
	c.t.Helper()
	got := c.Packet()
	if got.Type != t {
		c.t.Fatalf("%s instead of %v", Describe(got), t)
	}
	return got
}

// Quiet fails if anything but PINGRESP comes next: all that the broker had for the client before is read.
func (c *Client) Quiet() {
	c.t.Helper()
	c.Ping()
	if got := c.Packet(); got.Type != packet.TypePingresp {
		c.t.Fatalf("%s instead of nothing", Describe(got))
	}
}

// Ping sends PINGREQ.
func (c *Client) Ping() {
	c.t.Helper()
	c.Send(packet.AppendPingreq(nil))
}

// ExpectDisconnect is DISCONNECT with this reason, and the end of the connection.
func (c *Client) ExpectDisconnect(reason packet.ReasonCode) {
	c.t.Helper()
	if got := c.Expect(packet.TypeDisconnect).Disconnect; got.Reason != reason {
		c.t.Fatalf("DISCONNECT: %v %q, and not %v", got.Reason, got.ReasonString, reason)
	}
	c.ExpectEnd()
}

// ExpectEnd waits until the broker has closed the connection; messages on the way are skipped.
func (c *Client) ExpectEnd() {
	c.t.Helper()
	for {
		got, err := c.Next()
		switch {
		case Ended(err):
			return
		case err != nil:
			c.t.Fatalf("%v instead of the end of the connection", err)
		case got.Type != packet.TypePublish:
			c.t.Fatalf("%s instead of the end of the connection", Describe(got))
		}
	}
}

// Ended says whether an error of Next is the end of the connection.
func Ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// Packet is the next packet.
func (c *Client) Packet() Packet {
	c.t.Helper()
	p, err := c.Next()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return p
}

// Next is the next packet, or why there is none; it may be called from another goroutine than the test's.
func (c *Client) Next() (Packet, error) {
	if len(c.early) > 0 {
		p := c.early[0]
		c.early = c.early[1:]
		return p, nil
	}
	return c.c.Next()
}

// Rest is all that comes until the broker ends the connection, not looked at.
func (c *Client) Rest() []byte {
	c.t.Helper()
	all, err := c.c.Rest()
	if !Ended(err) {
		c.t.Fatalf("%v instead of the end of the connection, after % x", err, all)
	}
	return all
}

// Describe is a packet in a few words.
func Describe(got Packet) string {
	switch got.Type {
	case packet.TypePublish:
		return fmt.Sprintf("PUBLISH %.80q %.40q", got.Publish.Topic, got.Publish.Payload)
	case packet.TypeDisconnect:
		return fmt.Sprintf("DISCONNECT (%v %s)", got.Disconnect.Reason, got.Disconnect.ReasonString)
	case packet.TypeConnack:
		return fmt.Sprintf("CONNACK (%v)", got.Connack.Reason)
	}
	return got.Type.String()
}
