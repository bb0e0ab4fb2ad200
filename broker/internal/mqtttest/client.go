// Package mqtttest is a small MQTT client for black-box tests of a broker: it says exactly the
// packets it is told to, one after the other, and fails the test if the wrong one comes back or none
// within Patience. It starts no goroutine and answers nothing by itself. Only tests import it.
package mqtttest

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// Patience is how long a client waits for a packet before the test fails.
const Patience = 20 * time.Second

// Client is one connection. It belongs to the test's goroutine.
type Client struct {
	t       testing.TB
	nc      net.Conn
	version packet.Version
	in      []byte // what has been read and not been looked at
	last    uint16 // packet identifier
}

// Packet is a control packet from the broker. Of the fields after Type the one that goes with it is set.
type Packet struct {
	Type       packet.Type
	Publish    packet.Publish
	Connack    packet.Connack
	Ack        packet.Ack // PUBACK, PUBREC, PUBREL, PUBCOMP
	Suback     packet.Suback
	Unsuback   packet.Unsuback
	Disconnect packet.Disconnect
	Auth       packet.Auth
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
	t.Cleanup(func() { _ = nc.Close() }) // it may be closed already
	return &Client{t: t, nc: nc, version: packet.V5}
}

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
func (c *Client) Conn() net.Conn { return c.nc }

// Close closes the connection without DISCONNECT.
func (c *Client) Close() { _ = c.nc.Close() } // a peer that is gone is as good

// Reset closes the connection as a crash would: unread data or not, the broker gets an RST.
func (c *Client) Reset() {
	c.t.Helper()
	if err := c.nc.(*net.TCPConn).SetLinger(0); err != nil {
		c.t.Fatal(err)
	}
	c.Close()
}

// Send writes raw bytes.
func (c *Client) Send(b []byte) {
	c.t.Helper()
	_ = c.nc.SetWriteDeadline(time.Now().Add(Patience))
	if _, err := c.nc.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// Connect sends CONNECT, as MQTT 5 if it says no version, and returns the CONNACK.
func (c *Client) Connect(p packet.Connect) packet.Connack {
	c.t.Helper()
	if p.Version == 0 {
		p.Version = packet.V5
	}
	c.version = p.Version
	c.Send(p.Append(nil))
	return c.Expect(packet.TypeConnack).Connack
}

// Disconnect sends DISCONNECT and waits for the end of the connection, when the session has been given up.
func (c *Client) Disconnect(d packet.Disconnect) {
	c.t.Helper()
	c.Send(d.Append(nil, c.version))
	c.ExpectEnd()
}

// ID is the next packet identifier.
func (c *Client) ID() uint16 {
	c.last++
	return c.last
}

// Subscribe subscribes and returns the SUBACK's reason codes. Messages that come first are lost.
func (c *Client) Subscribe(filters ...packet.Filter) []packet.ReasonCode {
	c.t.Helper()
	return c.SubscribeWith(packet.Subscribe{Filters: filters})
}

// SubscribeWith is Subscribe with a subscription identifier.
func (c *Client) SubscribeWith(p packet.Subscribe) []packet.ReasonCode {
	c.t.Helper()
	p.PacketID = c.ID()
	c.Send(p.Append(nil, c.version))
	for {
		switch got := c.Packet(); got.Type {
		case packet.TypePublish:
		case packet.TypeSuback:
			return got.Suback.Reasons
		default:
			c.t.Fatalf("%v instead of SUBACK", got.Type)
		}
	}
}

// Unsubscribe unsubscribes and returns the UNSUBACK's reason codes. Messages that come first are lost.
func (c *Client) Unsubscribe(filters ...string) []packet.ReasonCode {
	c.t.Helper()
	p := packet.Unsubscribe{PacketID: c.ID(), Filters: filters}
	c.Send(p.Append(nil, c.version))
	for {
		switch got := c.Packet(); got.Type {
		case packet.TypePublish:
		case packet.TypeUnsuback:
			return got.Unsuback.Reasons
		default:
			c.t.Fatalf("%v instead of UNSUBACK", got.Type)
		}
	}
}

// SendPublish sends a PUBLISH and waits for nothing. Its packet identifier is chosen if it needs one and has none.
func (c *Client) SendPublish(p packet.Publish) uint16 {
	c.t.Helper()
	if p.QoS > 0 && p.PacketID == 0 {
		p.PacketID = c.ID()
	}
	c.Send(p.Append(nil, c.version))
	return p.PacketID
}

// Publish publishes and waits until the broker has it: for the acknowledgements, or, with QoS 0,
// for the answer to a PINGREQ. It returns the reason code. Nothing else may come meanwhile.
func (c *Client) Publish(p packet.Publish) packet.ReasonCode {
	c.t.Helper()
	id := c.SendPublish(p)
	switch p.QoS {
	case 0:
		c.Quiet()
		return packet.Success
	case 1:
		return c.ExpectAck(packet.TypePuback, id).Reason
	}
	rec := c.ExpectAck(packet.TypePubrec, id)
	if !rec.Reason.Failed() {
		c.Ack(packet.TypePubrel, id)
		c.ExpectAck(packet.TypePubcomp, id)
	}
	return rec.Reason
}

// Say publishes a text; see Publish.
func (c *Client) Say(topic, text string, qos byte) {
	c.t.Helper()
	if got := c.Publish(packet.Publish{Topic: []byte(topic), Payload: []byte(text), QoS: qos}); got.Failed() {
		c.t.Fatalf("publish to %s: %v", topic, got)
	}
}

// Retain publishes a retained text at QoS 1; an empty one clears.
func (c *Client) Retain(topic, text string) {
	c.t.Helper()
	c.Publish(packet.Publish{Topic: []byte(topic), Payload: []byte(text), QoS: 1, Retain: true})
}

// Ack sends PUBACK, PUBREC, PUBREL or PUBCOMP.
func (c *Client) Ack(t packet.Type, id uint16) {
	c.t.Helper()
	a := packet.Ack{PacketID: id}
	c.Send(a.Append(nil, t, c.version))
}

// Quiet fails if anything but PINGRESP comes next: all that the broker had for the client before is read.
func (c *Client) Quiet() {
	c.t.Helper()
	c.Send([]byte{byte(packet.TypePingreq) << 4, 0})
	if got := c.Packet(); got.Type != packet.TypePingresp {
		c.t.Fatalf("%v %s=%.40q instead of nothing", got.Type, got.Publish.Topic, got.Publish.Payload)
	}
}

// Expect is the next packet, which must be of type t.
func (c *Client) Expect(t packet.Type) Packet {
	c.t.Helper()
	got := c.Packet()
	if got.Type != t {
		c.t.Fatalf("%v %s=%.40q %v instead of %v", got.Type, got.Publish.Topic, got.Publish.Payload, got.Disconnect.Reason, t)
	}
	return got
}

// ExpectAck is the next packet, which must be of type t for a packet identifier.
func (c *Client) ExpectAck(t packet.Type, id uint16) packet.Ack {
	c.t.Helper()
	a := c.Expect(t).Ack
	if a.PacketID != id {
		c.t.Fatalf("%v of packet identifier %d, and not %d", t, a.PacketID, id)
	}
	return a
}

// ExpectMessage is the next packet, which must be a PUBLISH of this topic and payload. It is not acknowledged.
func (c *Client) ExpectMessage(topic, payload string) packet.Publish {
	c.t.Helper()
	p := c.Expect(packet.TypePublish).Publish
	if string(p.Topic) != topic || string(p.Payload) != payload {
		c.t.Fatalf("PUBLISH %s=%.40q, and not %s=%.40q", p.Topic, p.Payload, topic, payload)
	}
	return p
}

// Take is ExpectMessage with the acknowledgements that its QoS asks for.
func (c *Client) Take(topic, payload string) packet.Publish {
	c.t.Helper()
	p := c.ExpectMessage(topic, payload)
	c.Accept(p)
	return p
}

// Accept acknowledges a message, with QoS 2 until PUBCOMP.
func (c *Client) Accept(p packet.Publish) {
	c.t.Helper()
	switch p.QoS {
	case 1:
		c.Ack(packet.TypePuback, p.PacketID)
	case 2:
		c.Ack(packet.TypePubrec, p.PacketID)
		c.ExpectAck(packet.TypePubrel, p.PacketID)
		c.Ack(packet.TypePubcomp, p.PacketID)
	}
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
		case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
			return
		case err != nil:
			c.t.Fatalf("%v instead of the end of the connection", err)
		case got.Type != packet.TypePublish:
			c.t.Fatalf("%v %v instead of the end of the connection", got.Type, got.Disconnect.Reason)
		}
	}
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
	for {
		h, body, n, _, err := packet.NextVersion(c.in, 0, c.version)
		if err != nil {
			return Packet{}, err
		}
		if n > 0 {
			p, err := c.parse(h, body)
			c.in = c.in[n:]
			return p, err
		}
		if len(c.in) == cap(c.in) {
			c.in = append(make([]byte, 0, max(64<<10, 2*len(c.in))), c.in...)
		}
		_ = c.nc.SetReadDeadline(time.Now().Add(Patience))
		k, err := c.nc.Read(c.in[len(c.in):cap(c.in)])
		if k == 0 && err != nil {
			return Packet{}, err
		}
		c.in = c.in[:len(c.in)+k]
	}
}

func (c *Client) parse(h packet.Header, body []byte) (Packet, error) {
	p := Packet{Type: h.Type}
	var err error
	switch h.Type {
	case packet.TypePublish:
		err = p.Publish.Parse(h.Flags, body, c.version)
	case packet.TypeConnack:
		err = p.Connack.Parse(body, c.version)
	case packet.TypeSuback:
		err = p.Suback.Parse(body, c.version)
	case packet.TypeUnsuback:
		err = p.Unsuback.Parse(body, c.version)
	case packet.TypeDisconnect:
		err = p.Disconnect.Parse(body, c.version)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp:
		err = p.Ack.Parse(h.Type, body, c.version)
	case packet.TypeAuth:
		err = p.Auth.Parse(body)
	}
	return p, err
}
