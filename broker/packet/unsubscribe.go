package packet

import "encoding/binary"

// Unsubscribe ends subscriptions. MQTT 5 §3.10.
type Unsubscribe struct {
	PacketID uint16
	User     []UserProperty // MQTT 5
	Filters  []string       // at least one; not empty, UTF-8
}

// Parse decodes the body of an UNSUBSCRIBE. It resets u.
func (u *Unsubscribe) Parse(body []byte, v Version) error {
	*u = Unsubscribe{}
	d := decoder{t: TypeUnsubscribe, rest: body}
	u.PacketID = d.packetID()
	if v >= V5 {
		ps := d.properties(inUnsubscribe)
		for ps.next() {
			u.User = append(u.User, ps.user()) // the only property there is
		}
		d.close(&ps)
	}
	if d.err == nil && len(d.rest) == 0 { // [MQTT-3.10.3-2]
		d.fail(violation("MQTT-3.10.3-2", "no topic filter"))
	}
	for len(d.rest) > 0 {
		u.Filters = append(u.Filters, d.filter())
	}
	return d.end()
}

// Append appends the whole packet.
func (u *Unsubscribe) Append(dst []byte, v Version) []byte {
	dst, start := beginPacket(dst, TypeUnsubscribe, 0x02) // [MQTT-3.10.1-1]
	dst = binary.BigEndian.AppendUint16(dst, u.PacketID)
	if v >= V5 {
		var at int
		dst, at = beginLength(dst)
		dst = endLength(appendUser(dst, u.User), at)
	}
	for _, f := range u.Filters {
		dst = AppendString(dst, f)
	}
	return endPacket(dst, start)
}
