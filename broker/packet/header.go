package packet

import "strconv"

// Version is the protocol level in CONNECT; 0 is 'not known yet'.
type Version byte

// The versions that Parse and Append know.
const (
	V31  Version = 3
	V311 Version = 4
	V5   Version = 5
)

// String is the version's common name, e.g. "3.1.1".
func (v Version) String() string {
	switch v {
	case V31:
		return "3.1"
	case V311:
		return "3.1.1"
	case V5:
		return "5.0"
	}
	return "level " + strconv.Itoa(int(v))
}

// Type is the kind of control packet: the high four bits of its first byte. MQTT 5 §2.1.2.
type Type byte

// The packet types. 0 is forbidden; TypeAuth exists in MQTT 5 only.
const (
	TypeConnect Type = iota + 1
	TypeConnack
	TypePublish
	TypePuback
	TypePubrec
	TypePubrel
	TypePubcomp
	TypeSubscribe
	TypeSuback
	TypeUnsubscribe
	TypeUnsuback
	TypePingreq
	TypePingresp
	TypeDisconnect
	TypeAuth
)

var typeNames = [16]string{
	"type 0", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP",
	"SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
}

// String is the type's name in the standard, e.g. "PUBLISH".
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return "type " + strconv.Itoa(int(t))
}

// MaxSize is the largest whole packet that MQTT can express, in bytes: a remaining
// length of 268,435,455 and a fixed header of 5.
const MaxSize = maxVarint + 5

// Header is a packet's fixed header. MQTT 5 §2.1.
type Header struct {
	Type   Type
	Flags  byte // the low four bits of the first byte
	Length int  // the remaining length: the size of the body in bytes
}

// Next splits the first control packet off buf by the rules of 3.1.1 and 5; see NextVersion.
func Next(buf []byte, max int) (h Header, body []byte, n, need int, err error) {
	return NextVersion(buf, max, 0)
}

// NextVersion splits the first control packet off buf. n is the packet's whole size
// in bytes, and body aliases buf. n == 0 and err == nil: buf holds no whole packet yet,
// and need is the total size needed to hold it (0: not yet known).
//
// A packet of more than max bytes in whole is an *Error PacketTooLarge, reported as soon
// as its length is known; max <= 0 means MaxSize. Reserved types and flags, an
// over-long length, and a ping with a body are refused here, so a PINGREQ, a PINGRESP
// needs no Parse.
//
// v is the connection's version, or 0 before CONNECT: 3.1 lets PUBREL, SUBSCRIBE and
// UNSUBSCRIBE carry DUP when resent, and only 5 has AUTH (0 lets it pass).
func NextVersion(buf []byte, max int, v Version) (h Header, body []byte, n, need int, err error) {
	if len(buf) == 0 {
		return h, nil, 0, 0, nil
	}
	h.Type, h.Flags = Type(buf[0]>>4), buf[0]&0x0F
	if h.Type != TypePublish { // PUBLISH's flags are its own: Publish.Parse has them
		if e := checkFlags(h.Type, h.Flags, v); e != nil {
			return h, nil, 0, 0, e
		}
	}
	if len(buf) == 1 {
		return h, nil, 0, 0, nil
	}
	length, size := int(buf[1]), 2 // most packets are short: one byte of length
	if length >= 0x80 {
		n, k, e := varint(buf[1:])
		if e != nil {
			return h, nil, 0, 0, malformed(e.Clause, h.Type.String()+": remaining length: "+e.Detail)
		}
		if k == 0 {
			return h, nil, 0, 0, nil
		}
		length, size = n, 1+k
	}
	h.Length, size = length, size+length
	if max > 0 && size > max {
		return h, nil, 0, 0, tooLarge(h.Type, size, max)
	}
	if h.Length != 0 && (h.Type == TypePingreq || h.Type == TypePingresp) {
		return h, nil, 0, 0, malformed(clauseTrailing, h.Type.String()+": remaining length is "+strconv.Itoa(h.Length)+", not 0")
	}
	if len(buf) < size {
		return h, nil, 0, size, nil
	}
	return h, buf[size-h.Length : size : size], size, 0, nil
}

// checkFlags validates the first byte of a packet other than PUBLISH.
func checkFlags(t Type, flags byte, v Version) *Error {
	want := byte(0)
	switch t {
	case 0:
		return malformed("MQTT 5 §2.1.2", "packet type 0 is forbidden")
	case TypePubrel, TypeSubscribe, TypeUnsubscribe:
		want = 0x02
		if v == V31 {
			flags &^= 0x08 // DUP of a resent packet: 3.1 §2.1
		}
	case TypeAuth:
		if v != 0 && v < V5 {
			return malformed("MQTT-2.2.2-1 of 3.1.1", "packet type 15 is reserved in MQTT "+v.String())
		}
	}
	if flags != want { // [MQTT-2.1.3-1]
		return malformed(flagClauses[t], t.String()+": reserved flags are "+strconv.Itoa(int(flags))+", not "+strconv.Itoa(int(want)))
	}
	return nil
}

// flagClauses names the statement on each type's reserved flags.
var flagClauses = [16]string{
	TypeConnect: "MQTT-2.1.3-1", TypeConnack: "MQTT-2.1.3-1", TypePuback: "MQTT-2.1.3-1", TypePubrec: "MQTT-2.1.3-1",
	TypePubrel: "MQTT-3.6.1-1", TypePubcomp: "MQTT-2.1.3-1", TypeSubscribe: "MQTT-3.8.1-1", TypeSuback: "MQTT-2.1.3-1",
	TypeUnsubscribe: "MQTT-3.10.1-1", TypeUnsuback: "MQTT-2.1.3-1", TypePingreq: "MQTT-2.1.3-1", TypePingresp: "MQTT-2.1.3-1",
	TypeDisconnect: "MQTT-3.14.1-1", TypeAuth: "MQTT-3.15.1-1",
}

// tooLarge is the refusal of a packet of size bytes in whole.
func tooLarge(t Type, size, max int) *Error {
	return &Error{
		Reason: PacketTooLarge, Clause: "MQTT-3.2.2-15",
		Detail: t.String() + ": packet of " + strconv.Itoa(size) + " bytes, limit " + strconv.Itoa(max),
	}
}
