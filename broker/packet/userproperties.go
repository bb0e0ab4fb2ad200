package packet

import "strconv"

// minUserProperty is the size of a User Property with an empty name and an empty value, in bytes.
const minUserProperty = 5

// CheckUserProperties refuses a packet of an MQTT 5 client that has more than most User Properties (*Error
// QuotaExceeded), before Parse makes anything of them; those of a CONNECT and of its Will count together. What else is
// wrong is left to Parse. Where body is too small to have so many it costs a comparison.
func CheckUserProperties(h Header, body []byte, most int) error {
	if len(body) < minUserProperty*(most+1) {
		return nil
	}
	return checkUserProperties(h, body, most)
}

func checkUserProperties(h Header, body []byte, most int) error {
	d := decoder{t: h.Type, rest: body}
	in := inPacket(h.Type)
	var flags byte // of CONNECT
	switch h.Type {
	case TypeConnect:
		d.alias("protocol name")
		if d.byte("protocol level") != byte(V5) {
			return nil
		}
		flags = d.byte("connect flags")
		d.uint16("keep alive")
	case TypePublish:
		d.alias("topic name")
		if h.Flags&0x06 != 0 {
			d.uint16("packet identifier")
		}
	case TypePuback, TypePubrec, TypePubrel, TypePubcomp:
		d.take(3, "packet identifier and reason code")
	case TypeSubscribe, TypeUnsubscribe:
		d.uint16("packet identifier")
	case TypeDisconnect, TypeAuth:
		d.byte("reason code")
	default:
		return nil
	}
	n := d.countUser(in, most)
	if flags&connectWill != 0 && d.err == nil {
		d.alias("client identifier")
		n += d.countUser(inWill, most-n)
	}
	if n <= most {
		return nil
	}
	return &Error{QuotaExceeded, clauseProperty, h.Type.String() + ": more than " + strconv.Itoa(most) + " user properties"}
}

// countUser reads properties and counts the User Properties, until there are more than most or something is wrong.
func (d *decoder) countUser(in uint16, most int) (n int) {
	ps := d.properties(in)
	for n <= most && ps.next() {
		if ps.id == propUser {
			n++
		}
	}
	return n
}
