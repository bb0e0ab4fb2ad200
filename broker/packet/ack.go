package packet

import "encoding/binary"

// Ack is PUBACK, PUBREC, PUBREL or PUBCOMP, which share one layout. MQTT 5 §3.4 to §3.7.
type Ack struct {
	PacketID uint16
	// The rest is MQTT 5's; before it an acknowledgement is always a success.
	Reason       ReasonCode
	ReasonString string
	User         []UserProperty
}

// Parse decodes the body of an acknowledgement of type t. It resets a, and allocates
// only for properties.
func (a *Ack) Parse(t Type, body []byte, v Version) error {
	*a = Ack{}
	if len(body) == 2 { // nearly always
		if a.PacketID = binary.BigEndian.Uint16(body); a.PacketID != 0 {
			return nil
		}
	}
	d := decoder{t: t, rest: body}
	a.PacketID = d.packetID()
	if v < V5 || len(d.rest) == 0 {
		return d.end()
	}
	a.Reason = d.reason(ackClauses[t&0x0F])
	if len(d.rest) == 0 { // no property length: there are none. MQTT 5 §3.4.2.2.1
		return d.end()
	}
	ps := d.properties(inPacket(t))
	for ps.next() {
		switch ps.id {
		case propReasonString:
			a.ReasonString = string(ps.data)
		case propUser:
			a.User = append(a.User, ps.user())
		}
	}
	d.close(&ps)
	return d.end()
}

// ackClauses names the statement on each type's reason codes.
var ackClauses = [16]string{
	TypePuback: "MQTT-3.4.2-1", TypePubrec: "MQTT-3.5.2-1", TypePubrel: "MQTT-3.6.2-1", TypePubcomp: "MQTT-3.7.2-1",
}

// Append appends the whole packet as type t, in its shortest form.
func (a *Ack) Append(dst []byte, t Type, v Version) []byte {
	flags := byte(0)
	if t == TypePubrel { // [MQTT-3.6.1-1]
		flags = 0x02
	}
	plain := a.ReasonString == "" && len(a.User) == 0
	if v < V5 || (plain && a.Reason == Success) {
		return append(dst, byte(t)<<4|flags, 2, byte(a.PacketID>>8), byte(a.PacketID))
	}
	dst, start := beginPacket(dst, t, flags)
	dst = binary.BigEndian.AppendUint16(dst, a.PacketID)
	dst = append(dst, byte(a.Reason))
	if !plain {
		dst = appendReasonProperties(dst, a.ReasonString, a.User)
	}
	return endPacket(dst, start)
}

// appendReasonProperties appends a property list of a reason string and user properties.
func appendReasonProperties(dst []byte, reason string, user []UserProperty) []byte {
	dst, at := beginLength(dst)
	dst = appendPropString(dst, propReasonString, reason)
	dst = appendUser(dst, user)
	return endLength(dst, at)
}
