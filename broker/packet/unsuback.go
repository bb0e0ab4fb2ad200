package packet

import "encoding/binary"

// Unsuback answers an UNSUBSCRIBE. MQTT 5 §3.11.
type Unsuback struct {
	PacketID uint16
	// The rest is MQTT 5's; before it an UNSUBACK is but a packet identifier.
	Reasons      []ReasonCode // one a filter, in order
	ReasonString string
	User         []UserProperty
}

// Parse decodes the body of an UNSUBACK. It resets u.
func (u *Unsuback) Parse(body []byte, v Version) error {
	*u = Unsuback{}
	d := decoder{t: TypeUnsuback, rest: body}
	u.PacketID = d.packetID()
	if v >= V5 {
		u.ReasonString, u.User = d.reasonProperties(inUnsuback)
		u.Reasons = d.reasons("MQTT-3.11.3-2")
	}
	return d.end()
}

// Append appends the whole packet.
func (u *Unsuback) Append(dst []byte, v Version) []byte {
	dst, start := beginPacket(dst, TypeUnsuback, 0)
	dst = binary.BigEndian.AppendUint16(dst, u.PacketID)
	if v >= V5 {
		dst = appendReasonProperties(dst, u.ReasonString, u.User)
		for _, r := range u.Reasons {
			dst = append(dst, byte(r))
		}
	}
	return endPacket(dst, start)
}
