package packet

import (
	"encoding/binary"
	"strconv"
)

// UserProperty is a name and value that MQTT carries for the application. Names may repeat.
type UserProperty struct{ Name, Value string }

// The property identifiers. MQTT 5 §2.2.2.2, table 2-4.
const (
	propPayloadFormat      = 0x01
	propMessageExpiry      = 0x02
	propContentType        = 0x03
	propResponseTopic      = 0x08
	propCorrelationData    = 0x09
	propSubscriptionID     = 0x0B
	propSessionExpiry      = 0x11
	propAssignedClientID   = 0x12
	propServerKeepAlive    = 0x13
	propAuthMethod         = 0x15
	propAuthData           = 0x16
	propRequestProblem     = 0x17
	propWillDelay          = 0x18
	propRequestResponse    = 0x19
	propResponseInfo       = 0x1A
	propServerReference    = 0x1C
	propReasonString       = 0x1F
	propReceiveMaximum     = 0x21
	propTopicAliasMaximum  = 0x22
	propTopicAlias         = 0x23
	propMaximumQoS         = 0x24
	propRetainAvailable    = 0x25
	propUser               = 0x26
	propMaximumPacketSize  = 0x27
	propWildcardAvailable  = 0x28
	propSubIDsAvailable    = 0x29
	propSharedSubAvailable = 0x2A
)

// kind is a property's type on the wire, with the values it excludes.
type kind byte

const (
	kindNone kind = iota // no such property
	kindFlag             // a byte, 0 or 1
	kindUint16
	kindCount16 // a uint16 that is not 0
	kindUint32
	kindCount32     // a uint32 that is not 0
	kindCountVarint // a Variable Byte Integer that is not 0
	kindString
	kindName  // a string that is not empty
	kindTopic // a string that is a Topic Name
	kindBinary
	kindPair // two strings
)

// The bits of property's table that no reason code's needs; inWill takes that of type 0.
const (
	inWill        = 1 << 0
	inConnect     = 1 << TypeConnect
	inPublish     = 1 << TypePublish
	inSubscribe   = 1 << TypeSubscribe
	inUnsubscribe = 1 << TypeUnsubscribe
	inMessage     = inPublish | inWill
	inAcks        = inReceipt | inRelease | inSuback | inUnsuback
	inAll         = inWill | inConnect | inConnack | inPublish | inAcks | inSubscribe | inUnsubscribe | inDisconnect | inAuth
)

// rule is what the standard says of one property.
type rule struct {
	name   string
	kind   kind
	in     uint16 // the packets that may have it
	many   uint16 // those that may have it more than once
	clause string // where the standard excludes values or repetition
}

// rules is indexed by property identifier.
var rules = [...]rule{
	propPayloadFormat:      {"payload format indicator", kindFlag, inMessage, 0, "MQTT 5 §3.3.2.3.2"},
	propMessageExpiry:      {"message expiry interval", kindUint32, inMessage, 0, "MQTT 5 §3.3.2.3.3"},
	propContentType:        {"content type", kindString, inMessage, 0, "MQTT 5 §3.3.2.3.9"},
	propResponseTopic:      {"response topic", kindTopic, inMessage, 0, "MQTT 5 §3.3.2.3.5"},
	propCorrelationData:    {"correlation data", kindBinary, inMessage, 0, "MQTT 5 §3.3.2.3.6"},
	propSubscriptionID:     {"subscription identifier", kindCountVarint, inPublish | inSubscribe, inPublish, "MQTT 5 §3.8.2.1.2"},
	propSessionExpiry:      {"session expiry interval", kindUint32, inConnect | inConnack | inDisconnect, 0, "MQTT 5 §3.1.2.11.2"},
	propAssignedClientID:   {"assigned client identifier", kindString, inConnack, 0, "MQTT 5 §3.2.2.3.7"},
	propServerKeepAlive:    {"server keep alive", kindUint16, inConnack, 0, "MQTT 5 §3.2.2.3.14"},
	propAuthMethod:         {"authentication method", kindName, inConnect | inConnack | inAuth, 0, "MQTT 5 §3.1.2.11.9"},
	propAuthData:           {"authentication data", kindBinary, inConnect | inConnack | inAuth, 0, "MQTT 5 §3.1.2.11.10"},
	propRequestProblem:     {"request problem information", kindFlag, inConnect, 0, "MQTT 5 §3.1.2.11.7"},
	propWillDelay:          {"will delay interval", kindUint32, inWill, 0, "MQTT 5 §3.1.3.2.2"},
	propRequestResponse:    {"request response information", kindFlag, inConnect, 0, "MQTT 5 §3.1.2.11.6"},
	propResponseInfo:       {"response information", kindString, inConnack, 0, "MQTT 5 §3.2.2.3.15"},
	propServerReference:    {"server reference", kindString, inConnack | inDisconnect, 0, "MQTT 5 §3.2.2.3.16"},
	propReasonString:       {"reason string", kindString, inConnack | inAcks | inDisconnect | inAuth, 0, "MQTT 5 §3.2.2.3.9"},
	propReceiveMaximum:     {"receive maximum", kindCount16, inConnect | inConnack, 0, "MQTT 5 §3.1.2.11.3"},
	propTopicAliasMaximum:  {"topic alias maximum", kindUint16, inConnect | inConnack, 0, "MQTT 5 §3.1.2.11.5"},
	propTopicAlias:         {"topic alias", kindCount16, inPublish, 0, "MQTT-3.3.2-8"},
	propMaximumQoS:         {"maximum QoS", kindFlag, inConnack, 0, "MQTT 5 §3.2.2.3.4"},
	propRetainAvailable:    {"retain available", kindFlag, inConnack, 0, "MQTT 5 §3.2.2.3.5"},
	propUser:               {"user property", kindPair, inAll, inAll, clauseProperty},
	propMaximumPacketSize:  {"maximum packet size", kindCount32, inConnect | inConnack, 0, "MQTT 5 §3.1.2.11.4"},
	propWildcardAvailable:  {"wildcard subscription available", kindFlag, inConnack, 0, "MQTT 5 §3.2.2.3.11"},
	propSubIDsAvailable:    {"subscription identifiers available", kindFlag, inConnack, 0, "MQTT 5 §3.2.2.3.12"},
	propSharedSubAvailable: {"shared subscription available", kindFlag, inConnack, 0, "MQTT 5 §3.2.2.3.13"},
}

// properties iterates over an encoded property list; next moves to each property in
// turn, validated, and its fields hold it. It allocates only to fail.
type properties struct {
	rest []byte
	in   uint16 // the packet they are in
	seen uint64 // bit n: property n has been seen
	err  *Error

	id    byte
	raw   []byte // the property whole, identifier included
	num   uint32 // its value, if a number
	data  []byte // its value, if a string or binary; its name, if a pair
	value []byte // its value, if a pair
}

// next moves to the next property. false: there is none, or err says what is wrong.
func (ps *properties) next() bool {
	if len(ps.rest) == 0 || ps.err != nil {
		return false
	}
	id := ps.rest[0]
	if int(id) >= len(rules) || rules[id].kind == kindNone {
		return ps.fail(malformed(clauseProperty, "property 0x"+strconv.FormatUint(uint64(id), 16)+" does not exist"))
	}
	r, bit := &rules[id], uint64(1)<<id
	if r.in&ps.in == 0 {
		return ps.fail(malformed(clauseProperty, r.name+" does not belong in this packet"))
	}
	if ps.seen&bit != 0 && r.many&ps.in == 0 {
		return ps.fail(violation(r.clause, r.name+" is given twice"))
	}
	ps.id, ps.seen = id, ps.seen|bit
	size := ps.read(r, ps.rest[1:])
	if ps.err != nil {
		return false
	}
	ps.raw, ps.rest = ps.rest[:1+size], ps.rest[1+size:]
	return true
}

// read decodes a property's value from the front of b and returns its size.
func (ps *properties) read(r *rule, b []byte) (size int) {
	switch r.kind {
	case kindFlag:
		if !ps.has(r, b, 1) {
			return 0
		}
		if ps.num = uint32(b[0]); ps.num > 1 {
			ps.fail(violation(r.clause, r.name+" is "+strconv.Itoa(int(ps.num))+", neither 0 nor 1"))
		}
		return 1
	case kindUint16, kindCount16:
		if !ps.has(r, b, 2) {
			return 0
		}
		ps.num, size = uint32(binary.BigEndian.Uint16(b)), 2
	case kindUint32, kindCount32:
		if !ps.has(r, b, 4) {
			return 0
		}
		ps.num, size = binary.BigEndian.Uint32(b), 4
	case kindCountVarint:
		n, k, e := varint(b)
		if e != nil {
			ps.fail(malformed(e.Clause, r.name+": "+e.Detail))
			return 0
		}
		if k == 0 {
			ps.has(r, b, len(b)+1)
			return 0
		}
		ps.num, size = uint32(n), k
	case kindPair:
		ps.data, size = ps.field(r, b)
		if ps.err != nil {
			return 0
		}
		v, k := ps.field(r, b[size:])
		ps.value, size = v, size+k
		ps.text(r, ps.data)  // [MQTT-1.5.7-1]
		ps.text(r, ps.value) // [MQTT-1.5.7-1]
		return size
	default:
		ps.data, size = ps.field(r, b)
		ps.text(r, ps.data)
		return size
	}
	if ps.num == 0 {
		ps.zero(r)
	}
	return size
}

// zero refuses 0 where the rule does.
func (ps *properties) zero(r *rule) {
	if r.kind != kindCount16 && r.kind != kindCount32 && r.kind != kindCountVarint {
		return
	}
	e := violation(r.clause, r.name+" is 0")
	if ps.id == propTopicAlias { // [MQTT-3.3.2-8]
		e.Reason = TopicAliasInvalid
	}
	ps.fail(e)
}

// field reads a length and that many bytes.
func (ps *properties) field(r *rule, b []byte) (data []byte, size int) {
	if !ps.has(r, b, 2) {
		return nil, 0
	}
	size = 2 + int(binary.BigEndian.Uint16(b))
	if !ps.has(r, b, size) {
		return nil, 0
	}
	return b[2:size:size], size
}

// text validates a value that is a string.
func (ps *properties) text(r *rule, b []byte) {
	switch {
	case ps.err != nil || r.kind == kindBinary:
	case len(b) == 0 && (r.kind == kindName || r.kind == kindTopic):
		clause := r.clause
		if r.kind == kindTopic { // [MQTT-4.7.3-1]
			clause = clauseTopicEmpty
		}
		ps.fail(violation(clause, r.name+" is empty"))
	case r.kind == kindTopic: // [MQTT-3.3.2-13] [MQTT-3.3.2-14]
		if e := checkTopic(b, r.name, "MQTT-3.3.2-14"); e != nil {
			if e.Reason == TopicNameInvalid { // that is of topics to publish to
				e.Reason = ProtocolError
			}
			ps.fail(e)
		}
	default:
		if e := checkUTF8(b, r.name); e != nil {
			ps.fail(e)
		}
	}
}

// has fails unless b has n bytes.
func (ps *properties) has(r *rule, b []byte, n int) bool {
	if len(b) < n {
		ps.fail(truncated(r.name, n, len(b)))
	}
	return len(b) >= n
}

// fail records the first failure; always false.
func (ps *properties) fail(e *Error) bool {
	if ps.err == nil {
		ps.err = e
	}
	return false
}

// user is the current property as a UserProperty.
func (ps *properties) user() UserProperty {
	return UserProperty{Name: string(ps.data), Value: string(ps.value)}
}

// The append functions write a property whole, or nothing where the value means absent.

func appendProp8(dst []byte, id byte, b byte) []byte { return append(dst, id, b) }

func appendProp16(dst []byte, id byte, n uint16) []byte {
	return binary.BigEndian.AppendUint16(append(dst, id), n)
}

func appendProp32(dst []byte, id byte, n uint32) []byte {
	return binary.BigEndian.AppendUint32(append(dst, id), n)
}

// appendPropString appends nothing if s is empty.
func appendPropString(dst []byte, id byte, s string) []byte {
	if s == "" {
		return dst
	}
	return AppendString(append(dst, id), s)
}

// appendPropBinary appends nothing if b is nil.
func appendPropBinary(dst []byte, id byte, b []byte) []byte {
	if b == nil {
		return dst
	}
	return AppendBinary(append(dst, id), b)
}

func appendUser(dst []byte, user []UserProperty) []byte {
	for i := range user {
		dst = AppendString(append(dst, propUser), user[i].Name)
		dst = AppendString(dst, user[i].Value)
	}
	return dst
}
