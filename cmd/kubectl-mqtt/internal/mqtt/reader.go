package mqtt

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// readBuffer is what is read at once, in bytes; a larger packet has a larger buffer.
const readBuffer = 16 << 10

// reader splits what comes into packets.
type reader struct {
	nc   net.Conn
	buf  []byte
	from int // buf[from:] has not been looked at
}

// next is the next packet; body is valid until the next call. patience 0 is no limit of its own.
func (r *reader) next(patience time.Duration) (packet.Header, []byte, error) {
	for {
		h, body, n, need, err := packet.NextVersion(r.buf[r.from:], 0, packet.V5)
		if err != nil {
			return h, nil, err
		}
		if n > 0 {
			r.from += n
			return h, body, nil
		}
		if err := r.fill(need, patience); err != nil {
			return h, nil, err
		}
	}
}

// whole says whether a packet is there already.
func (r *reader) whole() bool {
	_, _, n, _, err := packet.NextVersion(r.buf[r.from:], 0, packet.V5)
	return n > 0 || err != nil
}

// fill reads once, with room for need bytes.
func (r *reader) fill(need int, patience time.Duration) error {
	rest := copy(r.buf, r.buf[r.from:])
	r.buf, r.from = r.buf[:rest], 0
	if room := max(need, readBuffer); cap(r.buf) < room {
		r.buf = append(make([]byte, 0, room), r.buf...)
	}
	deadline := time.Time{}
	if patience > 0 {
		deadline = time.Now().Add(patience)
	}
	if err := r.nc.SetReadDeadline(deadline); err != nil {
		return err
	}
	n, err := r.nc.Read(r.buf[rest:cap(r.buf)])
	r.buf = r.buf[:rest+n]
	if n > 0 {
		return nil
	}
	return err
}

// read handles what comes until the connection ends, and says why it does.
func (c *Client) read(in *reader, keepAlive time.Duration) error {
	unreleased := map[uint16]bool{} // QoS 2 messages that were handed on
	var acks []byte
	for {
		h, body, err := in.next(keepAlive * 3 / 2)
		switch {
		case errors.Is(err, io.EOF):
			return errors.New("the broker has closed the connection")
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("the broker has been silent for %s", keepAlive*3/2)
		case err != nil:
			return fmt.Errorf("read: %w", err)
		}
		if acks, err = c.handle(h, body, unreleased, acks); err != nil {
			return err
		}
		if len(acks) > 0 && !in.whole() { // those of one read leave together
			if err := c.send(func(out []byte) []byte { return append(out, acks...) }); err != nil {
				return fmt.Errorf("acknowledge: %w", err)
			}
			acks = acks[:0]
		}
	}
}

// handle takes a packet and appends to acks what is to be answered.
func (c *Client) handle(h packet.Header, body []byte, unreleased map[uint16]bool, acks []byte) ([]byte, error) {
	switch h.Type {
	case packet.TypePublish:
		return c.publish(h, body, unreleased, acks)
	case packet.TypePubrel:
		var a packet.Ack
		if err := a.Parse(h.Type, body, packet.V5); err != nil {
			return acks, fmt.Errorf("read PUBREL: %w", err)
		}
		delete(unreleased, a.PacketID)
		return appendAck(acks, packet.TypePubcomp, a.PacketID), nil
	case packet.TypePuback, packet.TypePubrec, packet.TypePubcomp:
		return c.acknowledged(h, body, acks)
	case packet.TypeSuback:
		var s packet.Suback
		if err := s.Parse(body, packet.V5); err != nil {
			return acks, fmt.Errorf("read SUBACK: %w", err)
		}
		c.end(s.PacketID, answer{s.Reasons, s.ReasonString})
	case packet.TypeDisconnect:
		var d packet.Disconnect
		if err := d.Parse(body, packet.V5); err != nil {
			return acks, fmt.Errorf("read DISCONNECT: %w", err)
		}
		return acks, &RefusedError{h.Type, d.Reason, d.ReasonString}
	case packet.TypePingresp:
	default:
		return acks, fmt.Errorf("the broker sends a %v, which no client gets", h.Type)
	}
	return acks, nil
}

func (c *Client) publish(h packet.Header, body []byte, unreleased map[uint16]bool, acks []byte) ([]byte, error) {
	var p packet.Publish
	if err := p.Parse(h.Flags, body, packet.V5); err != nil {
		return acks, fmt.Errorf("read PUBLISH: %w", err)
	}
	if c.received != nil && (p.QoS < 2 || !unreleased[p.PacketID]) {
		c.received(&p)
	}
	switch p.QoS {
	case 1:
		acks = appendAck(acks, packet.TypePuback, p.PacketID)
	case 2:
		unreleased[p.PacketID] = true
		acks = appendAck(acks, packet.TypePubrec, p.PacketID)
	}
	return acks, nil
}

// acknowledged takes an answer to a PUBLISH of this client, or the one in its midst.
func (c *Client) acknowledged(h packet.Header, body []byte, acks []byte) ([]byte, error) {
	var a packet.Ack
	if err := a.Parse(h.Type, body, packet.V5); err != nil {
		return acks, fmt.Errorf("read %v: %w", h.Type, err)
	}
	if h.Type == packet.TypePubrec && !a.Reason.Failed() {
		return appendAck(acks, packet.TypePubrel, a.PacketID), nil
	}
	c.end(a.PacketID, answer{[]packet.ReasonCode{a.Reason}, a.ReasonString})
	return acks, nil
}

func appendAck(to []byte, t packet.Type, id uint16) []byte {
	a := packet.Ack{PacketID: id}
	return a.Append(to, t, packet.V5)
}
