package packet

// Auth is a step of an extended authentication; MQTT 5 only. MQTT 5 §3.15.
type Auth struct {
	Reason       ReasonCode // Success, ContinueAuthentication or ReAuthenticate
	Method       string     // "" only in the empty packet, which means Success
	Data         []byte     // nil: not given; empty: given and empty
	ReasonString string
	User         []UserProperty
}

// Parse decodes the body of an AUTH. It resets a.
func (a *Auth) Parse(body []byte) error {
	*a = Auth{}
	if len(body) == 0 { // Success without properties. MQTT 5 §3.15.2.1
		return nil
	}
	d := decoder{t: TypeAuth, rest: body}
	a.Reason = d.reason("MQTT-3.15.2-1")
	ps := d.properties(inAuth)
	for ps.next() {
		switch ps.id {
		case propAuthMethod:
			a.Method = string(ps.data)
		case propAuthData:
			a.Data = clone(ps.data)
		case propReasonString:
			a.ReasonString = string(ps.data)
		case propUser:
			a.User = append(a.User, ps.user())
		}
	}
	d.close(&ps)
	if d.err == nil && a.Method == "" {
		d.fail(violation("MQTT 5 §3.15.2.2.2", "authentication method is missing"))
	}
	return d.end()
}

// Append appends the whole packet: empty if Method is "".
func (a *Auth) Append(dst []byte) []byte {
	dst, start := beginPacket(dst, TypeAuth, 0)
	if a.Method == "" {
		return endPacket(dst, start)
	}
	dst, at := beginLength(append(dst, byte(a.Reason)))
	dst = appendPropString(dst, propAuthMethod, a.Method)
	dst = appendPropBinary(dst, propAuthData, a.Data)
	dst = appendPropString(dst, propReasonString, a.ReasonString)
	dst = endLength(appendUser(dst, a.User), at)
	return endPacket(dst, start)
}
