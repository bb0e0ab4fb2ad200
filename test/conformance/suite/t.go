package suite

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// Forever is a session expiry that no test outlives, in seconds.
const Forever = 3600

// T is the test of one statement, with the broker and the version it is about. Topics and client identifiers that it
// hands out are no other test's.
type T struct {
	*testing.T
	Broker  *Broker
	Version packet.Version
	unique  string
}

// V5 says whether the test is about MQTT 5.
func (t *T) V5() bool { return t.Version == packet.V5 }

// Topic is a topic name or filter below one that is this test's own.
func (t *T) Topic(rest string) string { return "conformance/" + t.unique + "/" + rest }

// ID is a client identifier of this test's own; name is at most 8 letters and digits.
func (t *T) ID(name string) string { return "c" + t.unique + name }

// Sub runs a part of the test as a subtest of its own.
func (t *T) Sub(name string, test func(*T)) {
	t.Helper()
	t.Run(name, func(sub *testing.T) {
		part := *t
		part.T = sub
		test(&part)
	})
}

// Limited is the same test against the broker that lacks things; see LimitedBroker.
func (t *T) Limited() *T {
	b := *t.Broker
	b.Addr = b.Limited
	other := *t
	other.Broker = &b
	return &other
}

// Dial connects over TCP and sends nothing.
func (t *T) Dial() *Peer {
	t.Helper()
	c := mqtttest.Dial(t, t.Broker.Addr)
	c.SetVersion(t.Version)
	c.SetPatience(patience)
	c.Forgiving = true
	return &Peer{Client: c, t: t}
}

// Connect dials and connects; it fails if the broker refuses. A version of 0 is the test's.
func (t *T) Connect(p packet.Connect) *Peer {
	t.Helper()
	peer := t.Dial()
	if ack := peer.Connect(p); ack.Reason != packet.Success {
		t.Fatalf("CONNACK: %v %s", ack.Reason, ack.Properties.ReasonString)
	}
	return peer
}

// Client is a client with a new session that ends with its connection.
func (t *T) Client(name string) *Peer {
	t.Helper()
	return t.Connect(t.Hello(name, true))
}

// Hello is the CONNECT of a client: clean of a session that ends with the connection, else of one that goes on.
func (t *T) Hello(name string, clean bool) packet.Connect {
	p := packet.Connect{ClientID: t.ID(name), CleanStart: clean}
	if !clean && t.V5() {
		p.Properties.SessionExpiry, p.Properties.HasSessionExpiry = Forever, true
	}
	return p
}

// Keep connects with a session that outlives the connection, the one there is if there is one.
func (t *T) Keep(name string) *Peer {
	t.Helper()
	return t.Connect(t.Hello(name, false))
}

// Pass lets real time pass; only for statements that are about how long something lasts.
func (t *T) Pass(d time.Duration) {
	t.Helper()
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
	case <-t.Context().Done():
		t.Fatal("the test is over")
	}
}

// Props is an empty property list as it stands on the wire: nothing before MQTT 5.
func (t *T) Props() []byte {
	if t.V5() {
		return []byte{0}
	}
	return nil
}

// Raw is a packet with a first byte and a body of these parts.
func Raw(first byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	return append(packet.AppendVarint([]byte{first}, len(body)), body...)
}

// Str is bytes with their length before them.
func Str(s string) []byte { return packet.AppendString(nil, s) }

// U16 is a two-byte integer.
func U16(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }
