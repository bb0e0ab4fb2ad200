package packet

// ConnackProperties are CONNACK's properties; the zero value is a server that says
// nothing, which means everything is available. MQTT 5 §3.2.2.3.
type ConnackProperties struct {
	SessionExpiry       uint32 // in seconds, if HasSessionExpiry: the server's instead of the client's
	HasSessionExpiry    bool
	ReceiveMaximum      uint16 // 0: absent, which means 65,535
	MaximumQoS          byte   // 0 or 1, if HasMaximumQoS; absent means 2
	HasMaximumQoS       bool
	NoRetain            bool   // retained messages are not supported
	MaximumPacketSize   uint32 // in bytes; 0: absent, no limit
	AssignedClientID    string // "": absent
	TopicAliasMaximum   uint16 // 0: no aliases
	ReasonString        string
	NoWildcard          bool // wildcard subscriptions are not supported
	NoSubscriptionIDs   bool // subscription identifiers are not supported
	NoShared            bool // shared subscriptions are not supported
	ServerKeepAlive     uint16
	HasServerKeepAlive  bool
	ResponseInformation string // "": absent
	ServerReference     string // "": absent
	AuthMethod          string // "": absent
	AuthData            []byte // nil: absent
	User                []UserProperty
}

func (p *ConnackProperties) parse(d *decoder) {
	ps := d.properties(inConnack)
	for ps.next() {
		if !p.set(&ps) {
			p.setFlag(ps.id, ps.num == 0)
		}
	}
	d.close(&ps)
}

// set takes over a property that has a value; false: it is a flag.
func (p *ConnackProperties) set(ps *properties) bool {
	switch ps.id {
	case propSessionExpiry:
		p.SessionExpiry, p.HasSessionExpiry = ps.num, true
	case propReceiveMaximum:
		p.ReceiveMaximum = uint16(ps.num)
	case propMaximumQoS:
		p.MaximumQoS, p.HasMaximumQoS = byte(ps.num), true
	case propMaximumPacketSize:
		p.MaximumPacketSize = ps.num
	case propAssignedClientID:
		p.AssignedClientID = string(ps.data)
	case propTopicAliasMaximum:
		p.TopicAliasMaximum = uint16(ps.num)
	case propReasonString:
		p.ReasonString = string(ps.data)
	case propServerKeepAlive:
		p.ServerKeepAlive, p.HasServerKeepAlive = uint16(ps.num), true
	case propResponseInfo:
		p.ResponseInformation = string(ps.data)
	case propServerReference:
		p.ServerReference = string(ps.data)
	case propAuthMethod:
		p.AuthMethod = string(ps.data)
	case propAuthData:
		p.AuthData = clone(ps.data)
	case propUser:
		p.User = append(p.User, ps.user())
	default:
		return false
	}
	return true
}

// setFlag takes over what the server has, or has not.
func (p *ConnackProperties) setFlag(id byte, no bool) {
	switch id {
	case propRetainAvailable:
		p.NoRetain = no
	case propWildcardAvailable:
		p.NoWildcard = no
	case propSubIDsAvailable:
		p.NoSubscriptionIDs = no
	case propSharedSubAvailable:
		p.NoShared = no
	}
}

func (p *ConnackProperties) append(dst []byte) []byte {
	dst, at := beginLength(dst)
	if p.HasSessionExpiry {
		dst = appendProp32(dst, propSessionExpiry, p.SessionExpiry)
	}
	if p.ReceiveMaximum != 0 {
		dst = appendProp16(dst, propReceiveMaximum, p.ReceiveMaximum)
	}
	if p.HasMaximumQoS {
		dst = appendProp8(dst, propMaximumQoS, p.MaximumQoS)
	}
	dst = appendIf(dst, p.NoRetain, propRetainAvailable)
	if p.MaximumPacketSize != 0 {
		dst = appendProp32(dst, propMaximumPacketSize, p.MaximumPacketSize)
	}
	dst = appendPropString(dst, propAssignedClientID, p.AssignedClientID)
	if p.TopicAliasMaximum != 0 {
		dst = appendProp16(dst, propTopicAliasMaximum, p.TopicAliasMaximum)
	}
	dst = appendPropString(dst, propReasonString, p.ReasonString)
	dst = appendIf(dst, p.NoWildcard, propWildcardAvailable)
	dst = appendIf(dst, p.NoSubscriptionIDs, propSubIDsAvailable)
	dst = appendIf(dst, p.NoShared, propSharedSubAvailable)
	if p.HasServerKeepAlive {
		dst = appendProp16(dst, propServerKeepAlive, p.ServerKeepAlive)
	}
	dst = appendPropString(dst, propResponseInfo, p.ResponseInformation)
	dst = appendPropString(dst, propServerReference, p.ServerReference)
	dst = appendPropString(dst, propAuthMethod, p.AuthMethod)
	dst = appendPropBinary(dst, propAuthData, p.AuthData)
	return endLength(appendUser(dst, p.User), at)
}

// appendIf appends 'not available' where no is true.
func appendIf(dst []byte, no bool, id byte) []byte {
	if no {
		dst = appendProp8(dst, id, 0)
	}
	return dst
}
