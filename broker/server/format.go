package server

import (
	"unicode/utf8"

	"github.com/dunlin-mqtt/dunlin/broker/otlp"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

const clauseFormat = "MQTT 5 §3.3.2.3.2"

// formatHolds says whether a payload is what the Payload Format Indicator among its properties, if
// there is one, says it is.
func formatHolds(forward, payload []byte) bool {
	return len(forward) == 0 || packet.PayloadFormat(forward) == 0 || utf8.Valid(payload)
}

// refuseFormat answers a PUBLISH whose payload is not what it says. There is no answer at QoS 0 but the
// end of the connection.
func (c *conn) refuseFormat(p *packet.Publish, span *otlp.Span) error {
	a := c.newAck(p, true)
	if a == nil {
		c.endSpan(span, packet.PayloadFormatInvalid)
		return &packet.Error{Reason: packet.PayloadFormatInvalid, Clause: clauseFormat, Detail: whyNotUTF8}
	}
	a.span = span
	a.refuse(packet.PayloadFormatInvalid, whyNotUTF8)
	a.finish()
	return nil
}
