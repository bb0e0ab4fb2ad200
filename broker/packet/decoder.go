package packet

import (
	"encoding/binary"
	"strconv"
)

// decoder reads the fields of a packet's body in order. The first failure sticks, and
// every read after it yields zero; end reports it.
type decoder struct {
	t    Type
	rest []byte
	err  *Error
}

// fail records the first failure, naming the packet.
func (d *decoder) fail(e *Error) {
	if d.err == nil {
		e.Detail = d.t.String() + ": " + e.Detail
		d.err = e
		d.rest = nil
	}
}

// end is the failure, or that of bytes left over, or nil.
func (d *decoder) end() error {
	if d.err == nil && len(d.rest) != 0 {
		d.fail(malformed(clauseTrailing, "trailing bytes: "+strconv.Itoa(len(d.rest))))
	}
	if d.err != nil {
		return d.err
	}
	return nil
}

// take is the next n bytes.
func (d *decoder) take(n int, what string) []byte {
	if len(d.rest) < n {
		d.fail(truncated(what, n, len(d.rest)))
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// truncated is a field of need bytes where the packet has only have.
func truncated(what string, need, have int) *Error {
	return malformed(clauseTruncated, what+" is cut short: "+strconv.Itoa(need)+" bytes needed, "+strconv.Itoa(have)+" left")
}

func (d *decoder) byte(what string) byte {
	if b := d.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint16(what string) uint16 {
	if b := d.take(2, what); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// packetID reads a packet identifier and refuses 0 [MQTT-2.2.1-3].
func (d *decoder) packetID() uint16 {
	id := d.uint16("packet identifier")
	if id == 0 && d.err == nil {
		d.fail(violation(clausePacketID, "packet identifier is 0"))
	}
	return id
}

// alias reads a length and that many bytes, which alias the body.
func (d *decoder) alias(what string) []byte {
	return d.take(int(d.uint16(what)), what)
}

// binary reads Binary Data into memory of its own; never nil unless it failed.
func (d *decoder) binary(what string) []byte {
	b := d.alias(what)
	if d.err != nil {
		return nil
	}
	return clone(b)
}

// string reads a UTF-8 Encoded String.
func (d *decoder) string(what string) string {
	b := d.alias(what)
	if e := checkUTF8(b, what); e != nil {
		d.fail(e)
		return ""
	}
	return string(b)
}

// topic reads a Topic Name: not empty, no wildcards.
func (d *decoder) topic(what string) string {
	b := d.alias(what)
	if d.err != nil {
		return ""
	}
	if len(b) == 0 { // [MQTT-4.7.3-1]
		d.fail(violation(clauseTopicEmpty, what+" is empty"))
		return ""
	}
	if e := checkTopic(b, what, "MQTT-4.7.0-1"); e != nil { // [MQTT-4.7.0-1]
		d.fail(e)
		return ""
	}
	return string(b)
}

// filter reads a Topic Filter: not empty. Package topic judges the rest.
func (d *decoder) filter() string {
	b := d.alias("topic filter")
	if d.err != nil {
		return ""
	}
	if len(b) == 0 { // [MQTT-4.7.3-1]
		d.fail(violation(clauseTopicEmpty, "topic filter is empty"))
		return ""
	}
	if e := checkUTF8(b, "topic filter"); e != nil { // [MQTT-3.8.3-1] [MQTT-3.10.3-1]
		d.fail(e)
		return ""
	}
	return string(b)
}

// reason reads a reason code and refuses one that the packet type may not carry.
func (d *decoder) reason(clause string) ReasonCode {
	r := ReasonCode(d.byte("reason code"))
	if d.err == nil && !r.ValidIn(d.t) {
		d.fail(violation(clause, "reason code 0x"+strconv.FormatUint(uint64(r), 16)+" does not belong in this packet"))
	}
	return r
}

// properties reads the property length and returns an iterator over the properties;
// in is the packet's bit, or inWill. Close it.
func (d *decoder) properties(in uint16) properties {
	n, size, e := varint(d.rest)
	switch {
	case d.err != nil:
		return properties{in: in}
	case e != nil:
		d.fail(malformed(e.Clause, "property length: "+e.Detail))
	case size == 0: // [MQTT-2.2.2-1]
		d.fail(malformed("MQTT-2.2.2-1", "property length is missing"))
	default:
		d.rest = d.rest[size:]
	}
	return properties{in: in, rest: d.take(n, "properties")}
}

// close takes over the iterator's failure, if it has one.
func (d *decoder) close(ps *properties) {
	if ps.err != nil {
		d.fail(ps.err)
	}
}

// clone is a copy of b, not nil even if b is empty.
func clone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }
