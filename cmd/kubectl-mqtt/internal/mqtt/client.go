package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

const (
	// connectTimeout bounds a connection's making, up to CONNACK.
	connectTimeout = 15 * time.Second
	// writeTimeout is how long the broker may take nothing.
	writeTimeout = 30 * time.Second
	// defaultKeepAlive is the keep alive that is asked for, in seconds.
	defaultKeepAlive = 30
	// maxInflight bounds what is sent and not acknowledged, whatever the broker would take.
	maxInflight = 1000
)

// Options are how to connect.
type Options struct {
	Address string      // host:port
	TLS     *tls.Config // nil: plain TCP
	Path    string      // of a WebSocket, such as /mqtt; "": none
	// Connect is the CONNECT packet; its version is 5, and a KeepAlive of 0 is 30 s.
	Connect packet.Connect
	// Received is called with each message, in order, and what it returns before the message is acknowledged. The
	// Publish is valid until then. nil: messages are acknowledged and forgotten.
	Received func(*packet.Publish)
}

// Client is one connection. Its methods may be called at the same time.
type Client struct {
	// Connack is what the broker has answered.
	Connack packet.Connack

	nc       net.Conn
	received func(*packet.Publish)
	ids      chan uint16 // packet identifiers that are free
	done     chan struct{}
	running  sync.WaitGroup

	writing sync.Mutex // held while a packet is written; mu may be taken within
	out     []byte

	mu      sync.Mutex
	waiting map[uint16]answered // by packet identifier; nil: the connection has ended
	err     error               // why it has ended
}

// answered is called once, with what came for a packet, or with why nothing will.
type answered func(answer, error)

// answer is what came: of an acknowledgement one reason, of a SUBACK one a filter.
type answer struct {
	reasons []packet.ReasonCode
	text    string
}

// RefusedError is a reason code of failure in an acknowledgement, a CONNACK or a DISCONNECT.
type RefusedError struct {
	Packet packet.Type
	Reason packet.ReasonCode
	Text   string // the broker's own words; may be ""
}

// Error has the code, its name and the broker's words.
func (e *RefusedError) Error() string {
	text := fmt.Sprintf("%v with reason 0x%02X, %v", e.Packet, byte(e.Reason), e.Reason)
	if e.Text != "" {
		text += ": " + e.Text
	}
	return text
}

// ErrClosed is why a client ends that Close was called of.
var ErrClosed = errors.New("the connection was closed")

// Dial connects. A CONNACK with a failure is a *RefusedError.
func Dial(ctx context.Context, o Options) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	nc, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	connect := o.Connect
	connect.Version = packet.V5
	if connect.KeepAlive == 0 {
		connect.KeepAlive = defaultKeepAlive
	}
	c := &Client{nc: nc, received: o.Received, done: make(chan struct{}), waiting: map[uint16]answered{}}
	in := &reader{nc: nc}
	err = c.handshake(connect, in)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("connect to %s: %w", o.Address, err)
	}
	c.start(connect, in)
	return c, nil
}

func (c *Client) handshake(connect packet.Connect, in *reader) error {
	if _, err := c.nc.Write(connect.Append(nil)); err != nil {
		return err
	}
	h, body, err := in.next(0)
	if err != nil {
		return fmt.Errorf("wait for CONNACK: %w", err)
	}
	if h.Type != packet.TypeConnack {
		return fmt.Errorf("wait for CONNACK: %v came", h.Type)
	}
	if err := c.Connack.Parse(body, packet.V5); err != nil {
		return fmt.Errorf("read CONNACK: %w", err)
	}
	if c.Connack.Reason.Failed() {
		return &RefusedError{packet.TypeConnack, c.Connack.Reason, c.Connack.Properties.ReasonString}
	}
	return nil
}

// start begins to read, and to ping.
func (c *Client) start(connect packet.Connect, in *reader) {
	inflight := maxInflight
	if most := c.Connack.Properties.ReceiveMaximum; most > 0 {
		inflight = min(inflight, int(most))
	}
	c.ids = make(chan uint16, inflight)
	for id := range inflight {
		c.ids <- uint16(id + 1)
	}
	seconds := connect.KeepAlive
	if c.Connack.Properties.HasServerKeepAlive {
		seconds = c.Connack.Properties.ServerKeepAlive
	}
	keepAlive := time.Duration(seconds) * time.Second
	c.running.Go(func() { c.fail(c.read(in, keepAlive)) })
	if keepAlive > 0 {
		c.running.Go(func() { c.ping(keepAlive) })
	}
}

// Done is closed when the connection has ended; Err says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is why the connection has ended; nil: it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close says DISCONNECT and ends the connection. What is not acknowledged then never is.
func (c *Client) Close() {
	d := packet.Disconnect{Reason: packet.NormalDisconnection}
	_ = c.send(func(out []byte) []byte { return d.Append(out, packet.V5) }) // it may be gone, which is as good
	c.fail(ErrClosed)
	c.running.Wait()
}

// fail ends the connection; the first reason is the one that counts.
func (c *Client) fail(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	waiting := c.waiting
	c.waiting = nil
	close(c.done)
	_ = c.nc.Close() // it has failed already, or is not wanted any more
	c.mu.Unlock()
	for _, tell := range waiting {
		tell(answer{}, err)
	}
}

// send writes the packets that fill appends.
func (c *Client) send(fill func(out []byte) []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.Err(); err != nil {
		return err
	}
	c.out = fill(c.out[:0])
	if err := c.nc.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := c.nc.Write(c.out)
	return err
}

func (c *Client) ping(keepAlive time.Duration) {
	ticker := time.NewTicker(keepAlive / 2)
	defer ticker.Stop()
	for {
		select {
		case <-c.done:
			return
		case <-ticker.C:
			if err := c.send(packet.AppendPingreq); err != nil {
				c.fail(fmt.Errorf("send PINGREQ: %w", err))
				return
			}
		}
	}
}
