package packet

import "encoding/binary"

// Publish is an application message on the wire. MQTT 5 §3.3.
//
// After Parse every slice aliases the parsed buffer or space that the next Parse
// reuses: copy what must live longer.
type Publish struct {
	Dup, Retain bool
	QoS         byte   // 0, 1 or 2
	Topic       []byte // empty: MQTT 5 only, Alias stands for it
	PacketID    uint16 // 0 with QoS 0, else not 0
	Payload     []byte

	// The rest is MQTT 5's.
	Alias           uint16 // topic alias; 0: none
	Expiry          uint32 // message expiry interval in seconds, if HasExpiry
	HasExpiry       bool
	SubscriptionIDs []uint32 // server to client only: refusing them from a client is the server's job [MQTT-3.3.4-6]
	// Forward holds, encoded and in order, the properties that a server passes on
	// unaltered: payload format, content type, response topic, correlation data and
	// user properties. Parse has validated it; Append trusts it. Properties decodes it.
	Forward []byte

	scratch []byte // where Parse gathers Forward, if it is not contiguous
}

// maxScratch is the most that a Publish keeps for the next Parse, in bytes: a
// connection must not hold on to what one huge message needed.
const maxScratch = 4096

// Parse decodes the body of a PUBLISH whose fixed header has these flags. It resets p.
func (p *Publish) Parse(flags byte, body []byte, v Version) error {
	// Field by field: assigning a whole Publish takes as long as all the rest.
	p.Dup, p.QoS, p.Retain = flags&0x08 != 0, flags>>1&0x03, flags&0x01 != 0
	p.Topic, p.PacketID, p.Payload = nil, 0, nil
	p.Alias, p.Expiry, p.HasExpiry, p.Forward = 0, 0, false, nil
	p.SubscriptionIDs, p.scratch = p.SubscriptionIDs[:0], p.scratch[:0]
	if flags&0x0E == 0x08 || p.QoS == 3 {
		return p.badFlags()
	}
	if len(body) < 2 {
		return inPublishError(truncated("topic name", 2, len(body)))
	}
	end := 2 + int(binary.BigEndian.Uint16(body)) // [MQTT-3.3.2-1]
	if len(body) < end {
		return inPublishError(truncated("topic name", end-2, len(body)-2))
	}
	p.Topic = body[2:end:end]
	if !topicClean(p.Topic) { // [MQTT-3.3.2-2]
		if e := checkTopic(p.Topic, "topic name", "MQTT-3.3.2-2"); e != nil {
			return inPublishError(e)
		}
	}
	rest := body[end:]
	if p.QoS > 0 { // [MQTT-2.2.1-2]
		if len(rest) < 2 {
			return inPublishError(truncated("packet identifier", 2, len(rest)))
		}
		if p.PacketID = binary.BigEndian.Uint16(rest); p.PacketID == 0 { // [MQTT-2.2.1-3]
			return inPublishError(violation(clausePacketID, "packet identifier is 0"))
		}
		rest = rest[2:]
	}
	if v >= V5 {
		if len(rest) > 0 && rest[0] == 0 { // most messages have no properties
			rest = rest[1:]
		} else {
			var e *Error
			if rest, e = p.parseProperties(rest); e != nil {
				return inPublishError(e)
			}
		}
	}
	if len(p.Topic) == 0 && p.Alias == 0 {
		return inPublishError(violation(clauseTopicEmpty, "topic name is empty, and no topic alias stands for it"))
	}
	p.Payload = rest
	return nil
}

// badFlags is the refusal of the fixed header's flags.
func (p *Publish) badFlags() error {
	if p.QoS == 3 { // [MQTT-3.3.1-4]
		return inPublishError(malformed("MQTT-3.3.1-4", "QoS is 3"))
	}
	return inPublishError(malformed("MQTT-3.3.1-2", "DUP is set with QoS 0")) // [MQTT-3.3.1-2]
}

// inPublishError says which packet a failure is in.
func inPublishError(e *Error) error {
	e.Detail = "PUBLISH: " + e.Detail
	return e
}

// parseProperties reads the property length and the properties; rest is the payload.
func (p *Publish) parseProperties(b []byte) (rest []byte, err *Error) {
	n, size, e := varint(b)
	if e != nil {
		return nil, malformed(e.Clause, "property length: "+e.Detail)
	}
	if size == 0 { // [MQTT-2.2.2-1]
		return nil, malformed("MQTT-2.2.2-1", "property length is missing")
	}
	if b = b[size:]; len(b) < n {
		return nil, truncated("properties", n, len(b))
	}
	ps := properties{rest: b[:n:n], in: inPublish}
	for ps.next() {
		switch ps.id {
		case propTopicAlias:
			p.Alias = uint16(ps.num)
		case propMessageExpiry:
			p.Expiry, p.HasExpiry = ps.num, true
		case propSubscriptionID:
			p.SubscriptionIDs = append(p.SubscriptionIDs, ps.num)
		default:
			p.Forward, p.scratch = gather(p.Forward, p.scratch, ps.raw, ps.rest)
		}
	}
	p.Forward = p.Forward[:len(p.Forward):len(p.Forward)]
	if cap(p.scratch) > maxScratch {
		p.scratch = nil // Forward's alone
	}
	return b[n:], ps.err
}

// gather adds a property to forward: by extending it while it is contiguous in the
// buffer, where rest is what follows raw, else in scratch.
func gather(forward, scratch, raw, rest []byte) (newForward, newScratch []byte) {
	switch {
	case len(scratch) > 0:
		scratch = append(scratch, raw...)
	case len(forward) == 0:
		return raw, scratch
	case cap(forward)-len(forward) == len(raw)+len(rest): // raw follows forward directly
		return forward[:len(forward)+len(raw)], scratch
	default:
		scratch = append(append(scratch, forward...), raw...)
	}
	return scratch, scratch
}

// Size is the whole encoded size in bytes. Over MaxSize there is no encoding.
func (p *Publish) Size(v Version) int {
	n := p.remaining(v)
	return 1 + sizeVarint(n) + n
}

// remaining is the remaining length.
func (p *Publish) remaining(v Version) int {
	n := 2 + len(p.Topic) + len(p.Payload)
	if p.QoS > 0 {
		n += 2
	}
	if v >= V5 {
		props := p.sizeProperties()
		n += sizeVarint(props) + props
	}
	return n
}

// sizeProperties is the property length.
func (p *Publish) sizeProperties() int {
	n := len(p.Forward)
	if p.Alias != 0 {
		n += 3
	}
	if p.HasExpiry {
		n += 5
	}
	for _, id := range p.SubscriptionIDs {
		n += 1 + sizeVarint(int(id))
	}
	return n
}

// fits says whether a packet of remaining length n can be encoded.
func (p *Publish) fits(n int) bool { return n <= maxVarint && len(p.Topic) <= maxString }

// Append appends the whole packet, or nothing if there is no encoding: the packet would
// be over MaxSize, or the topic is over 65,535 bytes. Before MQTT 5 the properties are
// left out.
func (p *Publish) Append(dst []byte, v Version) []byte {
	if n := p.remaining(v); p.fits(n) {
		dst = append(p.appendHead(dst, n, v), p.Payload...)
	}
	return dst
}

// AppendPublishHead appends everything but the payload, so that a large payload can be
// written by reference; or nothing, like Append.
func AppendPublishHead(dst []byte, p *Publish, v Version) []byte {
	if n := p.remaining(v); p.fits(n) {
		dst = p.appendHead(dst, n, v)
	}
	return dst
}

// appendHead appends the packet of remaining length n up to its payload.
func (p *Publish) appendHead(dst []byte, n int, v Version) []byte {
	first := byte(TypePublish)<<4 | p.QoS<<1
	if p.Dup {
		first |= 0x08
	}
	if p.Retain {
		first |= 0x01
	}
	dst = AppendVarint(append(dst, first), n)
	dst = AppendBinary(dst, p.Topic)
	if p.QoS > 0 {
		dst = binary.BigEndian.AppendUint16(dst, p.PacketID)
	}
	if v < V5 {
		return dst
	}
	dst = AppendVarint(dst, p.sizeProperties())
	if p.HasExpiry {
		dst = appendProp32(dst, propMessageExpiry, p.Expiry)
	}
	if p.Alias != 0 {
		dst = appendProp16(dst, propTopicAlias, p.Alias)
	}
	for _, id := range p.SubscriptionIDs {
		dst = AppendVarint(append(dst, propSubscriptionID), int(id))
	}
	return append(dst, p.Forward...)
}
