package packet

import (
	"encoding/binary"
	"strconv"
)

// Connect opens a connection. MQTT 5 §3.1. It owns all its memory.
type Connect struct {
	Version     Version // after a failed Parse: how to answer, see there
	CleanStart  bool    // clean session before MQTT 5
	KeepAlive   uint16  // in seconds; 0 disables it
	ClientID    string  // "": the server chooses
	HasUsername bool
	Username    string
	HasPassword bool
	Password    []byte
	Will        *Will             // nil: none
	Properties  ConnectProperties // MQTT 5
}

// ConnectProperties are CONNECT's properties. MQTT 5 §3.1.2.11.
type ConnectProperties struct {
	SessionExpiry              uint32 // in seconds, if HasSessionExpiry; 0xFFFFFFFF: never
	HasSessionExpiry           bool
	ReceiveMaximum             uint16 // 0: absent, which means 65,535
	MaximumPacketSize          uint32 // in bytes; 0: absent, no limit
	TopicAliasMaximum          uint16 // 0: no aliases
	RequestResponseInformation bool
	NoProblemInformation       bool   // the peer sent 0 for request problem information
	AuthMethod                 string // "": no extended authentication
	AuthData                   []byte // nil: not given
	User                       []UserProperty
}

// The CONNECT flags. MQTT 5 §3.1.2.3.
const (
	connectReserved   = 0x01
	connectClean      = 0x02
	connectWill       = 0x04
	connectWillQoS    = 0x18
	connectWillRetain = 0x20
	connectPassword   = 0x40
	connectUsername   = 0x80
)

// Parse decodes the body of a CONNECT. It resets c.
//
// If it fails, c.Version tells how to answer: the CONNACK of that version, or, if it is
// 0, none: the peer does not speak MQTT. An unknown protocol level is an *Error
// UnsupportedProtocolVersion, with Version V311 or V5, whichever is nearer.
func (c *Connect) Parse(body []byte) error {
	*c = Connect{}
	d := decoder{t: TypeConnect, rest: body}
	c.parseProtocol(&d)
	flags := d.byte("connect flags")
	if d.err == nil {
		checkConnectFlags(&d, flags, c.Version)
	}
	c.CleanStart = flags&connectClean != 0
	c.KeepAlive = d.uint16("keep alive")
	if c.Version >= V5 {
		c.Properties.parse(&d)
	}
	c.ClientID = d.string("client identifier") // [MQTT-3.1.3-3] [MQTT-3.1.3-4]
	if flags&connectWill != 0 {                // [MQTT-3.1.2-9] [MQTT-3.1.3-1]
		c.Will = &Will{QoS: flags & connectWillQoS >> 3, Retain: flags&connectWillRetain != 0}
		c.Will.parse(&d, c.Version)
	}
	// 3.1 §3.1: the remaining length takes precedence over the user name and password flags.
	if flags&connectUsername != 0 && !(c.Version == V31 && len(d.rest) == 0) { // [MQTT-3.1.2-17]
		c.HasUsername, c.Username = true, d.string("user name") // [MQTT-3.1.3-12]
	}
	if flags&connectPassword != 0 && !(c.Version == V31 && len(d.rest) == 0) { // [MQTT-3.1.2-19]
		c.HasPassword, c.Password = true, d.binary("password")
	}
	if err := d.end(); err != nil { // [MQTT-3.1.2-16] [MQTT-3.1.2-18]
		return err
	}
	return c.checkClientID()
}

// parseProtocol reads the protocol's name and level and sets the version.
func (c *Connect) parseProtocol(d *decoder) {
	name := string(d.alias("protocol name"))
	if d.err != nil {
		return
	}
	if name != "MQTT" && name != "MQIsdp" { // [MQTT-3.1.2-1]
		d.fail(&Error{UnsupportedProtocolVersion, "MQTT-3.1.2-1", "protocol name is not MQTT"})
		return
	}
	level := d.byte("protocol level")
	switch {
	case d.err != nil:
	case name == "MQIsdp" && level == byte(V31), name == "MQTT" && (level == byte(V311) || level == byte(V5)):
		c.Version = Version(level)
	default: // [MQTT-3.1.2-2]
		c.Version = V311
		if name == "MQTT" && level > byte(V5) && level < 0x80 { // from 0x80 on it is a bridge's private 3.1 or 3.1.1
			c.Version = V5
		}
		d.fail(&Error{UnsupportedProtocolVersion, "MQTT-3.1.2-2", "protocol " + name + " has no level " + strconv.Itoa(int(level))})
	}
}

// checkConnectFlags validates the connect flags against each other.
func checkConnectFlags(d *decoder, flags byte, v Version) {
	switch will := flags&connectWill != 0; {
	case flags&connectReserved != 0: // [MQTT-3.1.2-3]
		d.fail(malformed("MQTT-3.1.2-3", "the reserved connect flag is set"))
	case !will && flags&connectWillQoS != 0: // [MQTT-3.1.2-11]
		d.fail(malformed("MQTT-3.1.2-11", "will QoS is set without a will"))
	case flags&connectWillQoS == connectWillQoS: // [MQTT-3.1.2-12]
		d.fail(malformed("MQTT-3.1.2-12", "will QoS is 3"))
	case !will && flags&connectWillRetain != 0: // [MQTT-3.1.2-13]
		d.fail(malformed("MQTT-3.1.2-13", "will retain is set without a will"))
	case v < V5 && flags&(connectPassword|connectUsername) == connectPassword:
		d.fail(malformed("MQTT-3.1.2-22 of 3.1.1", "a password without a user name"))
	}
}

// checkClientID refuses the empty client identifiers that only MQTT 5 allows.
func (c *Connect) checkClientID() error {
	if c.ClientID != "" || c.Version >= V5 || (c.Version == V311 && c.CleanStart) {
		return nil
	}
	e := &Error{ClientIdentifierNotValid, "MQTT-3.1.3-8 of 3.1.1", "CONNECT: client identifier is empty, and the session is not clean"}
	if c.Version == V31 {
		e.Clause, e.Detail = "MQTT 3.1 §3.1", "CONNECT: client identifier is empty, which 3.1 does not allow"
	}
	return e
}

func (p *ConnectProperties) parse(d *decoder) {
	ps := d.properties(inConnect)
	for ps.next() {
		switch ps.id {
		case propSessionExpiry:
			p.SessionExpiry, p.HasSessionExpiry = ps.num, true
		case propReceiveMaximum:
			p.ReceiveMaximum = uint16(ps.num)
		case propMaximumPacketSize:
			p.MaximumPacketSize = ps.num
		case propTopicAliasMaximum:
			p.TopicAliasMaximum = uint16(ps.num)
		case propRequestResponse:
			p.RequestResponseInformation = ps.num == 1
		case propRequestProblem:
			p.NoProblemInformation = ps.num == 0
		case propAuthMethod:
			p.AuthMethod = string(ps.data)
		case propAuthData:
			p.AuthData = clone(ps.data)
		case propUser:
			p.User = append(p.User, ps.user())
		}
	}
	d.close(&ps)
	if d.err == nil && p.AuthData != nil && p.AuthMethod == "" {
		d.fail(violation("MQTT 5 §3.1.2.11.10", "authentication data without an authentication method"))
	}
}

// Append appends the whole packet.
func (c *Connect) Append(dst []byte) []byte {
	dst, start := beginPacket(dst, TypeConnect, 0)
	name := "MQTT"
	if c.Version == V31 {
		name = "MQIsdp"
	}
	dst = AppendString(dst, name)
	dst = append(dst, byte(c.Version), c.flags())
	dst = binary.BigEndian.AppendUint16(dst, c.KeepAlive)
	if c.Version >= V5 {
		dst = c.Properties.append(dst)
	}
	dst = AppendString(dst, c.ClientID)
	if c.Will != nil {
		dst = c.Will.append(dst, c.Version)
	}
	if c.HasUsername {
		dst = AppendString(dst, c.Username)
	}
	if c.HasPassword {
		dst = AppendBinary(dst, c.Password)
	}
	return endPacket(dst, start)
}

// flags is the connect flags byte.
func (c *Connect) flags() byte {
	var b byte
	if c.CleanStart {
		b |= connectClean
	}
	if c.Will != nil {
		b |= connectWill | c.Will.QoS<<3
		if c.Will.Retain {
			b |= connectWillRetain
		}
	}
	if c.HasUsername {
		b |= connectUsername
	}
	if c.HasPassword {
		b |= connectPassword
	}
	return b
}

func (p *ConnectProperties) append(dst []byte) []byte {
	dst, at := beginLength(dst)
	if p.HasSessionExpiry {
		dst = appendProp32(dst, propSessionExpiry, p.SessionExpiry)
	}
	if p.ReceiveMaximum != 0 {
		dst = appendProp16(dst, propReceiveMaximum, p.ReceiveMaximum)
	}
	if p.MaximumPacketSize != 0 {
		dst = appendProp32(dst, propMaximumPacketSize, p.MaximumPacketSize)
	}
	if p.TopicAliasMaximum != 0 {
		dst = appendProp16(dst, propTopicAliasMaximum, p.TopicAliasMaximum)
	}
	if p.RequestResponseInformation {
		dst = appendProp8(dst, propRequestResponse, 1)
	}
	if p.NoProblemInformation {
		dst = appendProp8(dst, propRequestProblem, 0)
	}
	dst = appendPropString(dst, propAuthMethod, p.AuthMethod)
	dst = appendPropBinary(dst, propAuthData, p.AuthData)
	return endLength(appendUser(dst, p.User), at)
}
