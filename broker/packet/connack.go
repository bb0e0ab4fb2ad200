package packet

import "strconv"

// Connack answers a CONNECT. MQTT 5 §3.2.
type Connack struct {
	SessionPresent bool
	Reason         ReasonCode        // a v3 return code is parsed into the reason code that means the same
	Properties     ConnackProperties // MQTT 5
}

// ConnackCode is the v3 return code for a reason code, or r itself for MQTT 5. ok is
// false if none applies: then the connection is closed without a CONNACK
// [MQTT-3.2.2-6 of 3.1.1].
func ConnackCode(v Version, r ReasonCode) (code byte, ok bool) {
	if v >= V5 {
		return byte(r), true
	}
	switch r {
	case Success:
		return 0, true
	case UnsupportedProtocolVersion: // [MQTT-3.1.2-2 of 3.1.1]
		return 1, true
	case ClientIdentifierNotValid: // [MQTT-3.1.3-9 of 3.1.1]
		return 2, true
	case ServerUnavailable, ServerBusy, ServerShuttingDown, QuotaExceeded, UseAnotherServer, ServerMoved, ConnectionRateExceeded:
		return 3, true
	case BadUserNameOrPassword:
		return 4, true
	case NotAuthorized, Banned, BadAuthenticationMethod:
		return 5, true
	}
	return 0, false
}

// v3Codes are the reason codes that the v3 return codes 0 to 5 mean.
var v3Codes = [...]ReasonCode{
	Success, UnsupportedProtocolVersion, ClientIdentifierNotValid, ServerUnavailable, BadUserNameOrPassword, NotAuthorized,
}

// Parse decodes the body of a CONNACK. It resets c.
func (c *Connack) Parse(body []byte, v Version) error {
	*c = Connack{}
	d := decoder{t: TypeConnack, rest: body}
	flags := d.byte("connect acknowledge flags")
	if flags > 1 || (flags == 1 && v == V31) { // [MQTT-3.2.2-1]; 3.1 has no session present
		d.fail(malformed("MQTT-3.2.2-1", "reserved acknowledge flags are set"))
	}
	c.SessionPresent = flags&1 != 0
	if v >= V5 {
		c.Reason = d.reason("MQTT-3.2.2-8")
		c.Properties.parse(&d)
	} else if code := d.byte("return code"); int(code) < len(v3Codes) {
		c.Reason = v3Codes[code]
	} else {
		d.fail(violation("MQTT 3.1.1 §3.2.2.3", "return code "+strconv.Itoa(int(code))+" is reserved"))
	}
	if c.SessionPresent && c.Reason != Success { // [MQTT-3.2.2-6]
		d.fail(violation("MQTT-3.2.2-6", "session present with a refusal"))
	}
	return d.end()
}

// Append appends the whole packet; nothing if v is a v3 that has no code for the reason,
// see ConnackCode. Session present goes out with Success only, and not to 3.1, which lacks it.
func (c *Connack) Append(dst []byte, v Version) []byte {
	code, ok := ConnackCode(v, c.Reason)
	if !ok { // [MQTT-3.2.2-6 of 3.1.1]
		return dst
	}
	dst, start := beginPacket(dst, TypeConnack, 0)
	flags := byte(0)
	if c.SessionPresent && c.Reason == Success && v != V31 { // [MQTT-3.2.2-6]
		flags = 1
	}
	dst = append(dst, flags, code)
	if v >= V5 {
		dst = c.Properties.append(dst)
	}
	return endPacket(dst, start)
}
