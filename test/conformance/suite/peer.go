package suite

import (
	"slices"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// patience is how long a test waits for a packet before it fails.
const patience = 5 * time.Second

// Peer is a client's connection in a test: it says what it is told, well-formed or not, and fails the test if another
// packet comes than is expected, or none. What the broker sends is read strictly. That the broker has ended the connection
// shows at the next read.
type Peer struct {
	*mqtttest.Client
	t *T
}

// Connect sends CONNECT and returns the CONNACK. A version of 0 is the test's.
func (p *Peer) Connect(hello packet.Connect) packet.Connack {
	p.t.Helper()
	if hello.Version == 0 {
		hello.Version = p.t.Version
	}
	return p.Client.Connect(hello)
}

// Leave sends a normal DISCONNECT and waits for the end of the connection.
func (p *Peer) Leave() {
	p.t.Helper()
	p.LeaveWith(packet.Disconnect{})
}

// LeaveWith sends DISCONNECT and waits for the end of the connection; messages and acknowledgements on the way are passed over.
func (p *Peer) LeaveWith(d packet.Disconnect) {
	p.t.Helper()
	p.Send(d.Append(nil, p.t.Version))
	for {
		if got, err := p.Next(); mqtttest.Ended(err) {
			p.Close()
			return
		} else if err != nil || got.Type != packet.TypePublish && !isAck(got.Type) {
			p.t.Fatalf("%v %v after DISCONNECT instead of the end of the connection", mqtttest.Describe(got), err)
		}
	}
}

func isAck(t packet.Type) bool { return t >= packet.TypePuback && t <= packet.TypePubcomp }

// End waits for the broker to end the connection. In MQTT 5 it may say DISCONNECT first, with one of the reasons if any
// are given; before, it says nothing.
func (p *Peer) End(reasons ...packet.ReasonCode) {
	p.t.Helper()
	got, err := p.Next()
	if err == nil && got.Type == packet.TypeDisconnect && p.t.V5() {
		if len(reasons) > 0 && !slices.Contains(reasons, got.Disconnect.Reason) || !got.Disconnect.Reason.Failed() {
			p.t.Errorf("DISCONNECT: %v, and not of %v", got.Disconnect.Reason, reasons)
		}
		got, err = p.Next()
	}
	p.over(got, err)
}

// Gone waits for the end of the connection with nothing before it, whatever the version.
func (p *Peer) Gone() {
	p.t.Helper()
	p.over(p.Next())
}

// Refused waits for the end of a connection whose CONNECT is refused: in MQTT 5 after a CONNACK with one of the reasons, if
// any are given, or none; before, without.
func (p *Peer) Refused(reasons ...packet.ReasonCode) {
	p.t.Helper()
	got, err := p.Next()
	if err == nil && got.Type == packet.TypeConnack && p.t.V5() {
		r := got.Connack.Reason
		if !r.Failed() || len(reasons) > 0 && !slices.Contains(reasons, r) {
			p.t.Errorf("CONNACK: %v, and not of %v", r, reasons)
		}
		got, err = p.Next()
	}
	p.over(got, err)
}

func (p *Peer) over(got mqtttest.Packet, err error) {
	p.t.Helper()
	switch {
	case mqtttest.Ended(err):
	case err != nil:
		p.t.Fatalf("%v instead of the end of the connection", err)
	default:
		p.t.Fatalf("%v instead of the end of the connection", mqtttest.Describe(got))
	}
}

// NextOrEnd is the next packet, or the end of the connection.
func (p *Peer) NextOrEnd() (got mqtttest.Packet, over bool) {
	p.t.Helper()
	got, err := p.Next()
	if err != nil && !mqtttest.Ended(err) {
		p.t.Fatalf("read: %v", err)
	}
	return got, err != nil
}

// More is the next packet that comes before the answer to a PINGREQ; nil: there is none.
func (p *Peer) More() []byte {
	p.t.Helper()
	p.Ping()
	if got := p.Packet(); got.Type != packet.TypePingresp {
		return got.Raw
	}
	return nil
}
