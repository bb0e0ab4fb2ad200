package session

import (
	"encoding/binary"
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/traffic"
)

// Outgoing is one message on its way to any number of sessions, with what has been encoded of it so
// far: a fan-out encodes once per protocol version and shares the bytes. It is for one goroutine;
// its zero value is ready for Reset.
type Outgoing struct {
	// Now is the time in Unix milliseconds.
	Now int64
	// Sent counts what was written of it; whoever has the Outgoing takes that from here.
	Sent traffic.Publishes

	msg     *message.Message
	owned   bool
	single  bool   // it is for one session: nobody shares its encoding
	huge    bool   // it may be more than a packet can carry
	came    []byte // the packet that it came as, borrowed; nil: unknown, or no session can get it like that
	form    int    // of came
	pub     packet.Publish
	frames  [3][3][2]frame // by form, QoS, RETAIN
	made    uint32         // which of frames hold: a bit for each
	scratch []byte
}

// outgoingPool spares sessions that send what has waited a new one each time.
var outgoingPool = sync.Pool{New: func() any { return new(Outgoing) }}

// maxScratch is how much room for encodings is kept, in bytes.
const maxScratch = 64 << 10

// recycle gives o back to the pool.
func (o *Outgoing) recycle() {
	o.Reset(nil, false, 0)
	o.single = false
	o.pub = packet.Publish{Topic: o.pub.Topic[:0]}
	if cap(o.scratch) <= maxScratch {
		outgoingPool.Put(o)
	}
}

// The forms of an encoding that sessions share.
const (
	before5 = iota
	mqtt5   // with the topic's name
	byAlias // by topic alias: the alias, like the packet identifier, is each session's
)

// The flags of a PUBLISH that are not the QoS. MQTT 5 §3.3.1.
const (
	dupFlag    = 0x08
	retainFlag = 0x01
)

// frame is an encoded PUBLISH, without its payload if that is large: as it came but for the flags, or in scratch.
type frame struct {
	from, to int32 // in scratch
	first    byte  // with its own flags, of the packet that it came as; 0: it is in scratch
	packetID int32 // offset of the packet identifier from from; 0: none
	alias    int32 // offset of the topic alias from from; 0: none
	size     int32 // of the whole packet
}

// Delivery is how one session gets a message.
type Delivery struct {
	QoS    byte // granted; the message's own is the upper bound [MQTT-3.8.4-8]
	Retain bool // the RETAIN flag to send
	// SubscriptionIDs of all the session's matching subscriptions; shared, not changed.
	SubscriptionIDs []uint32
	// Force says that the message is kept whatever the limits: whoever hands it over sees to those.
	Force bool
	// Share is the filter of the shared subscription that it comes by, for Surrender; not changed. nil: none.
	Share *string
}

// Reset makes o carry m. owned says that m may be kept as it is; otherwise it is borrowed and
// copied if a session must keep it.
func (o *Outgoing) Reset(m *message.Message, owned bool, now int64) {
	o.msg, o.owned, o.Now, o.made, o.scratch, o.came = m, owned, now, 0, o.scratch[:0], nil
	o.huge = m != nil && m.Size() > packet.MaxSize/2
}

// Came says that the message came as the packet raw, of which p is what a peer of version v said in it. Who gets the message in the
// same form and QoS gets that packet, with flags and packet identifier of its own. Both are borrowed until the next Reset.
func (o *Outgoing) Came(raw []byte, p *packet.Publish, v packet.Version) {
	// Not by an alias, nor with an expiry that has to count down; and what else could have been said in more bytes was not.
	if p.Alias == 0 && !p.HasExpiry && !o.large() && p.Size(v) == len(raw) {
		o.came, o.form = raw, formOf(v, naming{})
	}
}

// Message is the message, possibly borrowed.
func (o *Outgoing) Message() *message.Message { return o.msg }

// Own is the message as something that may be kept.
func (o *Outgoing) Own() *message.Message {
	if !o.owned {
		o.msg, o.owned = o.msg.Own(), true
	}
	return o.msg
}

// large payloads are written by reference.
func (o *Outgoing) large() bool { return len(o.msg.Payload) >= ByReference }

// formOf is the form that a session of a version can share.
func formOf(v packet.Version, n naming) int {
	switch {
	case n.alias != 0:
		return byAlias
	case v == packet.V5:
		return mqtt5
	}
	return before5
}

// frame returns the shared encoding for sessions without subscription identifiers.
func (o *Outgoing) frame(form int, qos byte, retain bool) *frame {
	f, bit := &o.frames[form][qos][b2i(retain)], uint32(1)<<((form*3+int(qos))*2+b2i(retain))
	if o.made&bit == 0 {
		o.made |= bit
		o.share(f, form, qos, retain)
	}
	return f
}

func (o *Outgoing) share(f *frame, form int, qos byte, retain bool) {
	if o.came != nil && form == o.form && qos == o.msg.QoS {
		n := int32(len(o.came))
		*f = frame{size: n, first: o.came[0]&^(dupFlag|retainFlag) | byte(b2i(retain))}
		if qos > 0 {
			f.packetID = packetIDAt(f.size, len(o.msg.Topic))
		}
		return
	}
	v, n := packet.V5, naming{}
	switch form {
	case before5:
		v = packet.V311 // 3.1 has the same
	case byAlias:
		n.alias = 1 // anyone's
	}
	*f = o.encode(v, &Delivery{QoS: qos, Retain: retain}, n, false)
}

func (o *Outgoing) encode(v packet.Version, d *Delivery, n naming, dup bool) frame {
	o.describe(v, d, n)
	p := &o.pub
	p.Dup = dup
	from := len(o.scratch)
	o.scratch = packet.AppendPublishHead(o.scratch, p, v)
	head := len(o.scratch) - from
	if !o.large() {
		o.scratch = append(o.scratch, p.Payload...)
	}
	f := frame{from: int32(from), to: int32(len(o.scratch)), size: int32(p.Size(v))}
	if d.QoS > 0 {
		f.packetID = packetIDAt(f.size, len(p.Topic))
	}
	if n.alias != 0 && !n.fresh && len(p.SubscriptionIDs) == 0 {
		f.alias = int32(head - len(p.Forward) - 2) // of the properties only those forwarded are after it
	}
	return f
}

// describe makes o.pub the message as a version and a session get it.
func (o *Outgoing) describe(v packet.Version, d *Delivery, n naming) {
	p := &o.pub
	*p = packet.Publish{Retain: d.Retain, QoS: d.QoS, Payload: o.msg.Payload, Topic: p.Topic[:0], Alias: n.alias}
	if n.alias == 0 || n.fresh {
		p.Topic = append(p.Topic, o.msg.Topic...)
	}
	if v == packet.V5 {
		p.Forward, p.SubscriptionIDs = o.msg.Forward, d.SubscriptionIDs
		p.Expiry, p.HasExpiry = o.msg.Remaining(o.Now)
	}
}

// packetIDAt is where the packet identifier of a PUBLISH of size bytes is: behind the fixed header and the topic with its length.
func packetIDAt(size int32, topic int) int32 { return int32(1 + varintLen(int(size)) + 2 + topic) }

// varintLen is the length of the remaining-length field of a packet of size bytes in all.
func varintLen(size int) int {
	switch {
	case size <= 1+1+127:
		return 1
	case size <= 1+2+16383:
		return 2
	case size <= 1+3+2097151:
		return 3
	}
	return 4
}

// write puts a message that may be sent into the outbox, dup as one that may have been sent before. id
// is 0 for QoS 0.
func (s *Session) write(o *Outgoing, d *Delivery, dup bool, id uint16) {
	s.sentMessages++
	n := naming{}
	if s.aliases != nil {
		n = s.name(o, d)
	}
	v := s.link.Version
	if o.single && !dup && n.alias == 0 && o.msg.Expires == 0 && len(d.SubscriptionIDs) == 0 && !o.large() {
		s.writePlain(o, d, id)
	} else if dup || n.fresh || len(d.SubscriptionIDs) > 0 && v == packet.V5 { // not for others to share
		from := len(o.scratch)
		f := o.encode(v, d, n, dup)
		f.write(o, &s.out, n.alias, id)
		o.scratch = o.scratch[:from]
	} else {
		o.frame(formOf(v, n), d.QoS, d.Retain).write(o, &s.out, n.alias, id)
	}
}

// writePlain encodes a message into the outbox.
func (s *Session) writePlain(o *Outgoing, d *Delivery, id uint16) {
	m := o.msg
	p := packet.Plain{Topic: m.Topic, Payload: m.Payload, Forward: m.Forward, PacketID: id, QoS: d.QoS, Retain: d.Retain}
	size := p.Size(s.link.Version)
	s.out.tail = p.Append(s.out.room(size), s.link.Version)
	s.out.size += size
	o.Sent.Add(size, len(m.Payload))
}

// write appends an encoded PUBLISH with a session's own alias and packet identifier.
func (f *frame) write(o *Outgoing, out *outbox, alias, id uint16) {
	b := o.scratch[f.from:f.to]
	if f.first != 0 {
		b = o.came
	}
	out.append(b)
	head := out.tail[len(out.tail)-len(b):]
	if f.first != 0 {
		head[0] = f.first
	}
	if f.packetID != 0 {
		binary.BigEndian.PutUint16(head[f.packetID:], id)
	}
	if f.alias != 0 {
		binary.BigEndian.PutUint16(head[f.alias:], alias)
	}
	if o.large() {
		out.reference(o.Own().Payload)
	}
	o.Sent.Add(int(f.size), len(o.msg.Payload))
}

// size is the encoded size for a session, in bytes.
func (o *Outgoing) size(v packet.Version, d *Delivery, n naming) int {
	if n.fresh || v == packet.V5 && len(d.SubscriptionIDs) > 0 {
		o.describe(v, d, n)
		return o.pub.Size(v)
	}
	return int(o.frame(formOf(v, n), d.QoS, d.Retain).size)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
