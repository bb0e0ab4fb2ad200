package packet

import (
	"encoding/binary"
	"strconv"
)

// Suback answers a SUBSCRIBE. MQTT 5 §3.9.
type Suback struct {
	PacketID     uint16
	Reasons      []ReasonCode // one a filter, in order: the granted QoS, or a failure
	ReasonString string       // MQTT 5
	User         []UserProperty
}

// Parse decodes the body of a SUBACK. It resets s.
func (s *Suback) Parse(body []byte, v Version) error {
	*s = Suback{}
	d := decoder{t: TypeSuback, rest: body}
	s.PacketID = d.packetID()
	if v >= V5 {
		s.ReasonString, s.User = d.reasonProperties(inSuback)
	}
	s.Reasons = d.reasons("MQTT-3.9.3-2")
	for _, r := range s.Reasons {
		if v < V5 && r > UnspecifiedError {
			d.fail(violation("MQTT-3.9.3-2 of 3.1.1", "return code 0x"+strconv.FormatUint(uint64(r), 16)+" is reserved"))
		}
	}
	return d.end()
}

// Append appends the whole packet. Before MQTT 5 every failure is 0x80.
func (s *Suback) Append(dst []byte, v Version) []byte {
	dst, start := beginPacket(dst, TypeSuback, 0)
	dst = binary.BigEndian.AppendUint16(dst, s.PacketID)
	if v >= V5 {
		dst = appendReasonProperties(dst, s.ReasonString, s.User)
	}
	for _, r := range s.Reasons {
		if v < V5 && r.Failed() { // [MQTT-3.9.3-2 of 3.1.1]
			r = UnspecifiedError
		}
		dst = append(dst, byte(r))
	}
	return endPacket(dst, start)
}

// reasonProperties reads a property list of a reason string and user properties.
func (d *decoder) reasonProperties(in uint16) (reason string, user []UserProperty) {
	ps := d.properties(in)
	for ps.next() {
		switch ps.id {
		case propReasonString:
			reason = string(ps.data)
		case propUser:
			user = append(user, ps.user())
		}
	}
	d.close(&ps)
	return reason, user
}

// reasons reads reason codes, at least one, up to the end of the packet.
func (d *decoder) reasons(clause string) []ReasonCode {
	if d.err == nil && len(d.rest) == 0 {
		d.fail(violation(clause, "no reason code"))
		return nil
	}
	out := make([]ReasonCode, 0, len(d.rest))
	for len(d.rest) > 0 {
		out = append(out, d.reason(clause))
	}
	return out
}
