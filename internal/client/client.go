package client

import (
	"fmt"
	"net"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// Patience is how long a client waits for a packet.
const Patience = 30 * time.Second

// flushAt is the size in bytes from which what is queued is written without waiting for Flush.
const flushAt = 64 << 10

// Client is one connection. It belongs to one goroutine; only Close may come from another.
type Client struct {
	nc      net.Conn
	version packet.Version
	buf     []byte // what has been read: buf[from:] has not been looked at
	from    int
	out     []byte // what is queued
	wait    time.Duration
}

// Packet is a packet from the broker. Of the fields after Type, the one that goes with it is set. Its memory is its own.
type Packet struct {
	Type       packet.Type
	Publish    packet.Publish
	Connack    packet.Connack
	Ack        packet.Ack // PUBACK, PUBREC, PUBREL, PUBCOMP
	Suback     packet.Suback
	Unsuback   packet.Unsuback
	Disconnect packet.Disconnect
	Auth       packet.Auth
	Raw        []byte // the packet whole, as it came
}

// Dial connects over TCP.
func Dial(addr string) (*Client, error) {
	nc, err := net.DialTimeout("tcp", addr, Patience)
	if err != nil {
		return nil, err
	}
	return New(nc), nil
}

// New makes a client of a connection.
func New(nc net.Conn) *Client { return &Client{nc: nc, version: packet.V5, wait: Patience} }

// Conn is the connection itself. What is written to it goes past the queue.
func (c *Client) Conn() net.Conn { return c.nc }

// Send queues bytes that need not be a packet.
func (c *Client) Send(raw []byte) { c.queue(append(c.out, raw...)) }

// Connect queues a CONNECT, as MQTT 5 if it says no version; what comes is read as that version's.
func (c *Client) Connect(p packet.Connect) {
	if p.Version == 0 {
		p.Version = packet.V5
	}
	c.version = p.Version
	c.queue(p.Append(c.out))
}

// SetVersion sets the version in which packets are made and read; it is 5 unless Connect has said otherwise.
func (c *Client) SetVersion(v packet.Version) { c.version = v }

// Version is the one in which packets are made and read.
func (c *Client) Version() packet.Version { return c.version }

// Start dials and sends CONNECT, as MQTT 5 if it says no version. A refusal is an error.
func Start(addr string, p packet.Connect) (*Client, packet.Connack, error) {
	c, err := Dial(addr)
	if err != nil {
		return nil, packet.Connack{}, err
	}
	c.Connect(p)
	got, err := c.Expect(packet.TypeConnack)
	if err == nil && got.Connack.Reason != packet.Success {
		err = fmt.Errorf("connect %s: %v %s", p.ClientID, got.Connack.Reason, got.Connack.Properties.ReasonString)
	}
	if err != nil {
		c.Close()
		return nil, packet.Connack{}, err
	}
	return c, got.Connack, nil
}

// Close closes the connection and says nothing to the broker.
func (c *Client) Close() { _ = c.nc.Close() } // a peer that is gone is as good

// SetPatience sets how long Next waits.
func (c *Client) SetPatience(d time.Duration) { c.wait = d }

// Publish queues a PUBLISH.
func (c *Client) Publish(p *packet.Publish) { c.queue(p.Append(c.out, c.version)) }

// Ack queues PUBACK, PUBREC, PUBREL or PUBCOMP.
func (c *Client) Ack(t packet.Type, id uint16) {
	a := packet.Ack{PacketID: id}
	c.queue(a.Append(c.out, t, c.version))
}

// Subscribe queues a SUBSCRIBE.
func (c *Client) Subscribe(id uint16, filters ...packet.Filter) {
	s := packet.Subscribe{PacketID: id, Filters: filters}
	c.queue(s.Append(c.out, c.version))
}

// Unsubscribe queues an UNSUBSCRIBE.
func (c *Client) Unsubscribe(id uint16, filters ...string) {
	u := packet.Unsubscribe{PacketID: id, Filters: filters}
	c.queue(u.Append(c.out, c.version))
}

// Ping queues a PINGREQ.
func (c *Client) Ping() { c.queue(packet.AppendPingreq(c.out)) }

// Disconnect says DISCONNECT and waits until the broker has closed the connection, when it has given up the session.
func (c *Client) Disconnect() {
	var d packet.Disconnect
	c.queue(d.Append(c.out, c.version))
	for {
		if _, err := c.Next(); err != nil {
			c.Close()
			return
		}
	}
}

// queue takes what a packet was appended to. An error of writing shows at the next read.
func (c *Client) queue(out []byte) {
	c.out = out
	if len(c.out) >= flushAt {
		_ = c.Flush()
	}
}

// Flush writes what is queued.
func (c *Client) Flush() error {
	if len(c.out) == 0 {
		return nil
	}
	_ = c.nc.SetWriteDeadline(time.Now().Add(Patience))
	_, err := c.nc.Write(c.out)
	c.out = c.out[:0]
	return err
}

// Next is the next packet. If it has not been read yet, what is queued is written before the wait.
func (c *Client) Next() (Packet, error) {
	for {
		h, body, n, _, err := packet.NextVersion(c.buf[c.from:], 0, c.version)
		if err != nil {
			return Packet{}, err
		}
		if n > 0 {
			raw := c.buf[c.from : c.from+n]
			c.from += n
			p, err := c.parse(h, body)
			p.Raw = raw
			return p, err
		}
		if err := c.Flush(); err != nil {
			return Packet{}, err
		}
		if err := c.fill(); err != nil {
			return Packet{}, err
		}
	}
}

// Rest is all that comes until the connection ends, not looked at, and why there is no more: io.EOF, if the broker closed it.
func (c *Client) Rest() ([]byte, error) {
	if err := c.Flush(); err != nil {
		return nil, err
	}
	for {
		if err := c.fill(); err != nil {
			return c.buf[c.from:], err
		}
	}
}

// fill reads once. What has been handed out is never written to again.
func (c *Client) fill() error {
	if len(c.buf) == cap(c.buf) {
		rest := c.buf[c.from:]
		c.buf, c.from = append(make([]byte, 0, max(16<<10, 4*len(rest))), rest...), 0
	}
	_ = c.nc.SetReadDeadline(time.Now().Add(c.wait))
	n, err := c.nc.Read(c.buf[len(c.buf):cap(c.buf)])
	c.buf = c.buf[:len(c.buf)+n]
	if n > 0 {
		return nil
	}
	return err
}

// Expect is Next, which must be of type t; messages that come first are passed over.
func (c *Client) Expect(t packet.Type) (Packet, error) {
	for {
		p, err := c.Next()
		switch {
		case err != nil:
			return p, fmt.Errorf("wait for %v: %w", t, err)
		case p.Type == t:
			return p, nil
		case p.Type != packet.TypePublish:
			return p, fmt.Errorf("wait for %v: %v came: %v", t, p.Type, p.Disconnect.Reason)
		}
	}
}

func (c *Client) parse(h packet.Header, body []byte) (p Packet, err error) {
	p.Type = h.Type
	switch h.Type {
	case packet.TypePublish:
		err = p.Publish.Parse(h.Flags, body, c.version)
	case packet.TypePuback, packet.TypePubrec, packet.TypePubrel, packet.TypePubcomp:
		err = p.Ack.Parse(h.Type, body, c.version)
	case packet.TypeConnack:
		err = p.Connack.Parse(body, c.version)
	case packet.TypeSuback:
		err = p.Suback.Parse(body, c.version)
	case packet.TypeUnsuback:
		err = p.Unsuback.Parse(body, c.version)
	case packet.TypeDisconnect:
		err = p.Disconnect.Parse(body, c.version)
	case packet.TypeAuth:
		err = p.Auth.Parse(body)
	}
	return p, err
}
