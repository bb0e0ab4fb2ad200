package listener

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"
)

// farewellTimeout is how long a close frame may take to leave: it is sent if the socket takes it at once.
const farewellTimeout = 50 * time.Millisecond

// webSocket is a connection whose bytes are what its binary frames hold, one after the other: where a frame begins and
// ends means nothing to MQTT. [MQTT-6.0.0-2] The first Read does the handshake. An idle one holds no buffer.
//
// Read is for one goroutine, the rest for any number, as with all net.Conns here.
type webSocket struct {
	Conn // TCP, a proxied one, or secured
	*endpoint
	open atomic.Bool // the handshake is done

	frames frames // the reader's
	ahead  []byte // the reader's: what came with the handshake
	err    error  // the reader's: of every further Read

	writing sync.Mutex
	said    bool                   // guarded by writing: a close frame has been sent, or part of a frame has
	pong    atomic.Pointer[[]byte] // is to be sent by who gets writing, or gives it back
	status  atomic.Uint32          // why the connection ends: a ws.StatusCode; 0: as usual
	closing sync.Once
}

// Read reads what frames hold, and answers those that hold nothing for MQTT.
func (c *webSocket) Read(p []byte) (int, error) { return c.read(waits, p) }

// ReadNow implements Polled.
func (c *webSocket) ReadNow(fd uintptr, p []byte) (int, error) { return c.read(fd, p) }

// waits, in place of a descriptor, has a read wait.
const waits = ^uintptr(0)

// Open implements Polled.
func (c *webSocket) Open() error {
	if c.err == nil && !c.open.Load() {
		c.ahead, c.err = c.shake(c.Conn)
		c.open.Store(c.err == nil)
	}
	return c.err
}

func (c *webSocket) read(fd uintptr, p []byte) (int, error) {
	if err := c.Open(); err != nil || len(p) == 0 {
		return 0, err
	}
	for {
		n, err := c.fill(fd, p)
		if n == 0 && err != nil {
			return 0, err // not kept: it may be a deadline, which may be moved
		}
		n, c.err = c.frames.unwrap(p[:n], c.control)
		if c.err != nil {
			c.fail(c.err)
		}
		if n > 0 {
			return n, nil
		}
		if c.err != nil {
			return 0, c.err
		}
	}
}

// fill reads what the wire has.
func (c *webSocket) fill(fd uintptr, p []byte) (int, error) {
	if len(c.ahead) > 0 {
		n := copy(p, c.ahead)
		if c.ahead = c.ahead[n:]; len(c.ahead) == 0 {
			c.ahead = nil
		}
		return n, nil
	}
	if fd == waits {
		return c.Conn.Read(p)
	}
	if below, ok := c.Conn.(Polled); ok {
		return below.ReadNow(fd, p)
	}
	return ReadNow(fd, p)
}

// control handles a control frame.
func (c *webSocket) control(op ws.OpCode, payload []byte) error {
	switch op {
	case ws.OpPing:
		answer := append([]byte(nil), payload...)
		c.pong.Store(&answer) // of several, the last is enough: RFC 6455 §5.5.3
		return c.answer()
	case ws.OpClose:
		return closed(payload)
	}
	return nil // a pong that nobody has asked for
}

// answer sends a pong that waits, unless somebody writes just now, who will see it. What a peer pings and does not
// read ends the connection, as nothing would otherwise wake who reads from it.
func (c *webSocket) answer() error {
	for c.pong.Load() != nil && c.writing.TryLock() {
		err := c.sendPong()
		c.writing.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// sendPong sends the pong that waits, if it still does, with writing held.
func (c *webSocket) sendPong() error {
	payload := c.pong.Swap(nil)
	if payload == nil {
		return nil
	}
	if err := c.SetWriteDeadline(time.Now().Add(answerTimeout)); err != nil {
		return err
	}
	return errors.Join(c.send(ws.OpPong, *payload), c.SetWriteDeadline(time.Time{}))
}

// Write sends p in binary frames. [MQTT-6.0.0-1]
func (c *webSocket) Write(p []byte) (n int, err error) {
	if !c.open.Load() {
		return 0, errors.New("write before the WebSocket handshake")
	}
	c.writing.Lock()
	for n < len(p) && err == nil {
		part := p[n:min(len(p), n+maxSent)]
		if err = c.send(ws.OpBinary, part); err == nil {
			n += len(part)
		}
	}
	c.writing.Unlock()
	if err == nil {
		err = c.answer() // to a ping that came in the meantime
	}
	return n, err
}

// send writes one frame, with writing held, unless the last one has been.
func (c *webSocket) send(op ws.OpCode, payload []byte) error {
	if c.said {
		return net.ErrClosed
	}
	err := writeFrame(c.Conn, op, payload)
	c.said = op == ws.OpClose || err != nil
	return err
}

// fail tells the peer why its connection ends, if it takes that at once; else Close does.
func (c *webSocket) fail(err error) {
	var f *frameError
	if errors.As(err, &f) {
		c.status.Store(uint32(f.status))
	}
	c.farewell()
}

// farewell sends a close frame, unless somebody writes just now: the peer does not read.
func (c *webSocket) farewell() {
	if !c.writing.TryLock() {
		return
	}
	defer c.writing.Unlock()
	status := ws.StatusCode(c.status.Load())
	if status == 0 {
		status = ws.StatusNormalClosure
	}
	if c.SetWriteDeadline(time.Now().Add(farewellTimeout)) == nil {
		_ = c.send(ws.OpClose, ws.NewCloseFrameBody(status, "")) // the connection ends either way
	}
}

// Close says so in a close frame and closes the connection.
func (c *webSocket) Close() error {
	c.closing.Do(func() {
		if c.open.Load() {
			c.farewell()
		}
	})
	return c.Conn.Close()
}
