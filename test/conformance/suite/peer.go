package suite

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/test/internal/client"
)

// patience is how long a test waits for a packet before it fails.
const patience = 5 * time.Second

// Peer is a client's connection in a test: it says what it is told, well-formed or not, and fails the test if another
// packet comes than is expected, or none. What the broker sends is read strictly.
type Peer struct {
	t     *T
	c     *client.Client
	last  uint16          // packet identifier
	early []client.Packet // messages that came before a SUBACK or UNSUBACK
}

// Send writes bytes as they are.
func (p *Peer) Send(raw []byte) {
	p.t.Helper()
	p.c.Send(raw)
	_ = p.c.Flush() // that the broker has ended the connection already shows at the next read
}

// Connect sends CONNECT and returns the CONNACK. A version of 0 is the test's.
func (p *Peer) Connect(hello packet.Connect) packet.Connack {
	p.t.Helper()
	if hello.Version == 0 {
		hello.Version = p.t.Version
	}
	p.c.Connect(hello)
	return p.Expect(packet.TypeConnack).Connack
}

// ID is the next packet identifier.
func (p *Peer) ID() uint16 {
	p.last++
	return p.last
}

// read is the next packet, which owns its memory.
func (p *Peer) read() (client.Packet, error) {
	got, err := p.c.Next()
	if err != nil {
		return got, err
	}
	got.Raw = bytes.Clone(got.Raw)
	if got.Type == packet.TypePublish {
		h, body, _, _, err := packet.NextVersion(got.Raw, 0, p.t.Version)
		if err != nil {
			return got, err
		}
		ids := slices.Clone(got.Publish.SubscriptionIDs)
		got.Publish = packet.Publish{}
		err = got.Publish.Parse(h.Flags, body, p.t.Version)
		got.Publish.SubscriptionIDs = ids
		return got, err
	}
	return got, nil
}

// Next is the next packet.
func (p *Peer) Next() client.Packet {
	p.t.Helper()
	if len(p.early) > 0 {
		first := p.early[0]
		p.early = p.early[1:]
		return first
	}
	got, err := p.read()
	if err != nil {
		p.t.Fatalf("read: %v", err)
	}
	return got
}

// Expect is the next packet, which must be of type want.
func (p *Peer) Expect(want packet.Type) client.Packet {
	p.t.Helper()
	got := p.Next()
	if got.Type != want {
		p.t.Fatalf("%v instead of %v", describe(got), want)
	}
	return got
}

// ExpectAck is the next packet, which must be an acknowledgement of this kind and packet identifier.
func (p *Peer) ExpectAck(want packet.Type, id uint16) packet.Ack {
	p.t.Helper()
	got := p.Expect(want).Ack
	if got.PacketID != id {
		p.t.Fatalf("%v of packet identifier %d, not %d", want, got.PacketID, id)
	}
	return got
}

// Ack sends PUBACK, PUBREC, PUBREL or PUBCOMP.
func (p *Peer) Ack(kind packet.Type, id uint16) { p.c.Ack(kind, id) }

// Nack sends PUBACK or PUBREC with a reason code.
func (p *Peer) Nack(kind packet.Type, id uint16, r packet.ReasonCode) {
	a := packet.Ack{PacketID: id, Reason: r}
	p.c.Send(a.Append(nil, kind, p.t.Version))
}

// Flush writes what is queued; reading does so too.
func (p *Peer) Flush() {
	p.t.Helper()
	if err := p.c.Flush(); err != nil {
		p.t.Fatalf("write: %v", err)
	}
}

// Quiet fails if anything but PINGRESP comes next.
func (p *Peer) Quiet() {
	p.t.Helper()
	p.c.Ping()
	if got := p.Next(); got.Type != packet.TypePingresp {
		p.t.Fatalf("%v instead of nothing", describe(got))
	}
}

// Drop closes the connection without DISCONNECT.
func (p *Peer) Drop() {
	_ = p.c.Flush() // what was said last
	p.c.Close()
}

// Leave sends a normal DISCONNECT and waits for the end of the connection.
func (p *Peer) Leave() { p.LeaveWith(packet.Disconnect{}) }

// LeaveWith sends DISCONNECT and waits for the end of the connection; messages on the way are passed over.
func (p *Peer) LeaveWith(d packet.Disconnect) {
	p.t.Helper()
	p.c.Send(d.Append(nil, p.t.Version))
	for {
		if got, err := p.read(); ended(err) {
			p.c.Close()
			return
		} else if err != nil || got.Type != packet.TypePublish && !isAck(got.Type) {
			p.t.Fatalf("%v %v after DISCONNECT instead of the end of the connection", describe(got), err)
		}
	}
}

func isAck(t packet.Type) bool { return t >= packet.TypePuback && t <= packet.TypePubcomp }

// End waits for the broker to end the connection. In MQTT 5 it may say DISCONNECT first, with one of the reasons if any
// are given; before, it says nothing.
func (p *Peer) End(reasons ...packet.ReasonCode) {
	p.t.Helper()
	got, err := p.read()
	if err == nil && got.Type == packet.TypeDisconnect && p.t.V5() {
		if len(reasons) > 0 && !slices.Contains(reasons, got.Disconnect.Reason) || !got.Disconnect.Reason.Failed() {
			p.t.Errorf("DISCONNECT: %v, and not of %v", got.Disconnect.Reason, reasons)
		}
		got, err = p.read()
	}
	p.over(got, err)
}

// Gone waits for the end of the connection with nothing before it, whatever the version.
func (p *Peer) Gone() {
	p.t.Helper()
	p.over(p.read())
}

// Refused waits for the end of a connection whose CONNECT is refused: in MQTT 5 after a CONNACK with one of the reasons, if
// any are given, or none; before, without.
func (p *Peer) Refused(reasons ...packet.ReasonCode) {
	p.t.Helper()
	got, err := p.read()
	if err == nil && got.Type == packet.TypeConnack && p.t.V5() {
		r := got.Connack.Reason
		if !r.Failed() || len(reasons) > 0 && !slices.Contains(reasons, r) {
			p.t.Errorf("CONNACK: %v, and not of %v", r, reasons)
		}
		got, err = p.read()
	}
	p.over(got, err)
}

func (p *Peer) over(got client.Packet, err error) {
	p.t.Helper()
	switch {
	case ended(err):
	case err != nil:
		p.t.Fatalf("%v instead of the end of the connection", err)
	default:
		p.t.Fatalf("%v instead of the end of the connection", describe(got))
	}
}

// ended says whether an error of reading is the end of the connection.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// NextOrEnd is the next packet, or the end of the connection.
func (p *Peer) NextOrEnd() (got client.Packet, over bool) {
	p.t.Helper()
	got, err := p.read()
	if err != nil && !ended(err) {
		p.t.Fatalf("read: %v", err)
	}
	return got, err != nil
}

// ReadRaw is all that the broker sends until it ends the connection, not looked at.
func (p *Peer) ReadRaw() []byte {
	p.t.Helper()
	all, err := p.c.Rest()
	if !ended(err) {
		p.t.Fatalf("%v instead of the end of the connection, after % x", err, all)
	}
	return all
}

// More is the next packet that comes before the answer to a PINGREQ; nil: there is none.
func (p *Peer) More() []byte {
	p.t.Helper()
	p.c.Ping()
	if got := p.Next(); got.Type != packet.TypePingresp {
		return got.Raw
	}
	return nil
}
