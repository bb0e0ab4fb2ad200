package otlp

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// Span is the broker's work on one message. It belongs to one goroutine at a time, and to the Exporter after End.
type Span struct {
	trace  [16]byte
	parent [8]byte
	id     [8]byte
	begin  time.Time
	end    time.Time

	// Topic is the message's, Client its publisher's identifier, Bytes the size of its payload, and Subscriptions are how many
	// it has matched.
	Topic, Client string
	Bytes         int
	QoS           byte
	Retain        bool
	Subscriptions int
	failed        string
}

// traced reads a traceparent: the trace and the span that a message belongs to. sampled says that who began the trace
// records it. https://www.w3.org/TR/trace-context/#traceparent-header
func traced(traceparent []byte) (trace [16]byte, parent [8]byte, sampled bool) {
	const size = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	t := traceparent
	switch {
	case len(t) < size, t[2] != '-', t[35] != '-', t[52] != '-':
		return trace, parent, false
	case len(t) > size && (t[0] == '0' && t[1] == '0' || t[size] != '-'): // later versions may have more
		return trace, parent, false
	}
	var version, flags [1]byte
	ok := lowerHex(version[:], t[:2]) && lowerHex(trace[:], t[3:35]) && lowerHex(parent[:], t[36:52]) && lowerHex(flags[:], t[53:55])
	if !ok || version[0] == 0xff || trace == [16]byte{} || parent == [8]byte{} {
		return trace, parent, false
	}
	return trace, parent, flags[0]&1 != 0
}

// lowerHex decodes hexadecimal digits, of which capitals are none.
func lowerHex(dst, src []byte) bool {
	for _, c := range src {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.Decode(dst, src)
	return err == nil
}

// newID is a span's identifier, which is never 0.
func newID() (id [8]byte) {
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1)
	return id
}
