package packet

// Disconnect is the last packet of a connection; before MQTT 5 only the client sends
// it, and it is empty. MQTT 5 §3.14.
type Disconnect struct {
	Reason           ReasonCode
	SessionExpiry    uint32 // in seconds, if HasSessionExpiry; client to server only
	HasSessionExpiry bool
	ReasonString     string
	ServerReference  string // server to client only; "": not given
	User             []UserProperty
}

// Parse decodes the body of a DISCONNECT. It resets x.
func (x *Disconnect) Parse(body []byte, v Version) error {
	*x = Disconnect{}
	d := decoder{t: TypeDisconnect, rest: body}
	if v < V5 || len(body) == 0 { // no body: NormalDisconnection. MQTT 5 §3.14.2.1
		return d.end()
	}
	x.Reason = d.reason("MQTT-3.14.2-1")
	if len(d.rest) == 0 { // no property length: there are none. MQTT 5 §3.14.2.2.1
		return d.end()
	}
	ps := d.properties(inDisconnect)
	for ps.next() {
		switch ps.id {
		case propSessionExpiry:
			x.SessionExpiry, x.HasSessionExpiry = ps.num, true
		case propReasonString:
			x.ReasonString = string(ps.data)
		case propServerReference:
			x.ServerReference = string(ps.data)
		case propUser:
			x.User = append(x.User, ps.user())
		}
	}
	d.close(&ps)
	return d.end()
}

// Append appends the whole packet in its shortest form.
func (x *Disconnect) Append(dst []byte, v Version) []byte {
	dst, start := beginPacket(dst, TypeDisconnect, 0)
	plain := !x.HasSessionExpiry && x.ReasonString == "" && x.ServerReference == "" && len(x.User) == 0
	if v < V5 || (plain && x.Reason == NormalDisconnection) {
		return endPacket(dst, start)
	}
	dst = append(dst, byte(x.Reason))
	if plain {
		return endPacket(dst, start)
	}
	dst, at := beginLength(dst)
	if x.HasSessionExpiry {
		dst = appendProp32(dst, propSessionExpiry, x.SessionExpiry)
	}
	dst = appendPropString(dst, propReasonString, x.ReasonString)
	dst = appendPropString(dst, propServerReference, x.ServerReference)
	dst = endLength(appendUser(dst, x.User), at)
	return endPacket(dst, start)
}
