package load

import (
	"errors"
	"io"
	"syscall"
)

// read reads once, or until nothing is left where there is more than fits, and handles every whole packet.
func (c *Conn) read() {
	for c.state != stateClosed && !c.mute {
		buf := c.loop.buf
		at := 0
		if c.layer == nil {
			at = copy(buf, c.in)
		}
		if at == len(buf) { // a packet that is larger
			c.loop.buf = append(buf, make([]byte, len(buf))...)
			continue
		}
		n, errno := transfer(syscall.SYS_READ, c.fd, buf[at:])
		if errno == syscall.EAGAIN {
			break
		}
		if errno != 0 || n == 0 {
			c.close()
			return
		}
		c.handle(buf[:at+n])
		if at+n < len(buf) {
			break
		}
	}
	if len(c.out) > 0 && !c.wantsOut {
		c.flush()
	}
}

// handle takes the packets in b, which begins with what was left of the last one unless a layer is between.
func (c *Conn) handle(b []byte) {
	if c.layer != nil {
		plain, err := c.layer.open(c.in, b)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.loop.fail("read: %w", err)
			}
			c.close()
			return
		}
		c.in = plain
		b = plain
	}
	for {
		first, body, rest, whole := split(b)
		if !whole {
			break
		}
		b = rest
		c.packet(first, body)
		if c.state == stateClosed {
			return
		}
	}
	c.in = append(c.in[:0], b...)
}

func (c *Conn) packet(first byte, body []byte) {
	l := c.loop
	l.came++
	switch first >> 4 {
	case connack:
		if len(body) < 2 || body[1] != 0 {
			l.fail("CONNACK % x: %w", body, errRefused)
			return
		}
		c.state = stateUp
		if c.onUp != nil {
			c.onUp()
		}
	case publish:
		c.published(body, first>>1&3)
	case puback, pubcomp:
		if c.pub != nil {
			c.pub.acked++
			c.mark()
		}
	case pubrec:
		c.out = append(c.out, 0x62, 2, body[0], body[1])
	case pubrel:
		c.out = append(c.out, 0x70, 2, body[0], body[1])
	case suback:
		for _, code := range body[2:] {
			if code == 0x80 {
				l.fail("SUBACK: %w", errRefused)
			}
		}
		c.granted += len(body) - 2
	case pingresp:
	}
}

func (c *Conn) published(body []byte, qos byte) {
	if qos > 0 {
		id := identifierOf(body)
		c.out = append(c.out, 0x30+qos<<4, 2, id[0], id[1]) // PUBACK (0x40) or PUBREC (0x50)
	}
	c.received++
	if c.onPublish != nil {
		c.onPublish(body, qos)
	}
}

// subscribeMore asks for the next of the filters that are wanted.
func (c *Conn) subscribeMore(qos byte) {
	n := min(len(c.wanted), filtersAtOnce)
	if n == 0 {
		return
	}
	c.asked += n
	c.send(subscribePacket(uint16(1+c.asked%65535), qos, c.wanted[:n]...))
	c.wanted = c.wanted[n:]
}
