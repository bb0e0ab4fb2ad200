package packet

import (
	"encoding/binary"
	"strconv"
)

// Subscribe asks for subscriptions. MQTT 5 §3.8.
type Subscribe struct {
	PacketID       uint16
	SubscriptionID uint32 // MQTT 5; 0: none
	User           []UserProperty
	Filters        []Filter // at least one
}

// Filter is a Topic Filter with its Subscription Options. MQTT 5 §3.8.3.1.
type Filter struct {
	Filter string // not empty, UTF-8; package topic says whether it is well formed
	QoS    byte   // the maximum wanted: 0, 1 or 2
	// The rest is MQTT 5's.
	NoLocal           bool // do not send me what I publish
	RetainAsPublished bool
	RetainHandling    byte // retained messages: 0 send, 1 send if the subscription is new, 2 do not
}

// Parse decodes the body of a SUBSCRIBE. It resets s.
func (s *Subscribe) Parse(body []byte, v Version) error {
	*s = Subscribe{}
	d := decoder{t: TypeSubscribe, rest: body}
	s.PacketID = d.packetID()
	if v >= V5 {
		ps := d.properties(inSubscribe)
		for ps.next() {
			switch ps.id {
			case propSubscriptionID:
				s.SubscriptionID = ps.num
			case propUser:
				s.User = append(s.User, ps.user())
			}
		}
		d.close(&ps)
	}
	if d.err == nil && len(d.rest) == 0 { // [MQTT-3.8.3-2]
		d.fail(violation("MQTT-3.8.3-2", "no topic filter"))
	}
	for len(d.rest) > 0 {
		f := Filter{Filter: d.filter()}
		f.parseOptions(&d, v)
		s.Filters = append(s.Filters, f)
	}
	return d.end()
}

// parseOptions reads the Subscription Options byte; before MQTT 5 it is but a QoS.
func (f *Filter) parseOptions(d *decoder, v Version) {
	b := d.byte("subscription options")
	f.QoS = b & 0x03
	switch {
	case v < V5 && (b&0xFC != 0 || f.QoS == 3):
		d.fail(malformed("MQTT-3-8.3-4 of 3.1.1", "requested QoS byte is "+strconv.Itoa(int(b))))
		return
	case b&0xC0 != 0: // [MQTT-3.8.3-5]
		d.fail(malformed("MQTT-3.8.3-5", "reserved bits of the subscription options are set"))
	case f.QoS == 3:
		d.fail(violation("MQTT 5 §3.8.3.1", "maximum QoS is 3"))
	}
	f.NoLocal, f.RetainAsPublished, f.RetainHandling = b&0x04 != 0, b&0x08 != 0, b>>4&0x03
	if f.RetainHandling == 3 {
		d.fail(violation("MQTT 5 §3.8.3.1", "retain handling is 3"))
	}
	if f.NoLocal && shared(f.Filter) { // [MQTT-3.8.3-4]
		d.fail(violation("MQTT-3.8.3-4", "no local on a shared subscription"))
	}
}

// shared says whether a filter is that of a Shared Subscription.
func shared(filter string) bool {
	const prefix = "$share/"
	return len(filter) >= len(prefix) && filter[:len(prefix)] == prefix
}

// Append appends the whole packet.
func (s *Subscribe) Append(dst []byte, v Version) []byte {
	dst, start := beginPacket(dst, TypeSubscribe, 0x02) // [MQTT-3.8.1-1]
	dst = binary.BigEndian.AppendUint16(dst, s.PacketID)
	if v >= V5 {
		var at int
		dst, at = beginLength(dst)
		if s.SubscriptionID != 0 {
			dst = AppendVarint(append(dst, propSubscriptionID), int(s.SubscriptionID))
		}
		dst = endLength(appendUser(dst, s.User), at)
	}
	for i := range s.Filters {
		f := &s.Filters[i]
		dst = append(AppendString(dst, f.Filter), f.options(v))
	}
	return endPacket(dst, start)
}

// options is the Subscription Options byte.
func (f *Filter) options(v Version) byte {
	b := f.QoS
	if v < V5 {
		return b
	}
	if f.NoLocal {
		b |= 0x04
	}
	if f.RetainAsPublished {
		b |= 0x08
	}
	return b | f.RetainHandling<<4
}
