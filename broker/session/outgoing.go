package session

import (
	"encoding/binary"
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// Outgoing is one message on its way to any number of sessions, with what has been encoded of it so
// far: a fan-out encodes once per protocol version and shares the bytes. It is for one goroutine;
// its zero value is ready for Reset.
type Outgoing struct {
	// Now is the time in Unix milliseconds.
	Now int64

	msg     *message.Message
	owned   bool
	pub     packet.Publish
	frames  [2][3][2]frame // by MQTT 5 or not, QoS, RETAIN
	made    bool
	scratch []byte
}

// outgoingPool spares sessions that send what has waited a new one each time.
var outgoingPool = sync.Pool{New: func() any { return new(Outgoing) }}

// maxScratch is how much room for encodings is kept, in bytes.
const maxScratch = 64 << 10

// recycle gives o back to the pool.
func (o *Outgoing) recycle() {
	o.Reset(nil, false, 0)
	o.pub = packet.Publish{Topic: o.pub.Topic[:0]}
	if cap(o.scratch) <= maxScratch {
		outgoingPool.Put(o)
	}
}

// frame is an encoded PUBLISH in scratch; inline says whether the payload is in it.
type frame struct {
	from, to int
	packetID int // offset of the packet identifier from from; 0: none
	size     int // of the whole packet
}

// Delivery is how one session gets a message.
type Delivery struct {
	QoS    byte // granted; the message's own is the upper bound [MQTT-3.8.4-8]
	Retain bool // the RETAIN flag to send
	// SubscriptionIDs of all the session's matching subscriptions; shared, not changed.
	SubscriptionIDs []uint32
	// Force says that the message is kept whatever the limits: whoever hands it over sees to those.
	Force bool
}

// Reset makes o carry m. owned says that m may be kept as it is; otherwise it is borrowed and
// copied if a session must keep it.
func (o *Outgoing) Reset(m *message.Message, owned bool, now int64) {
	if o.made {
		o.frames = [2][3][2]frame{}
	}
	o.msg, o.owned, o.Now, o.made, o.scratch = m, owned, now, false, o.scratch[:0]
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
func (o *Outgoing) large() bool { return len(o.msg.Payload) >= byReference }

// frame returns the shared encoding for sessions without subscription identifiers.
func (o *Outgoing) frame(v packet.Version, qos byte, retain bool) frame {
	f := &o.frames[b2i(v == packet.V5)][qos][b2i(retain)]
	if f.size == 0 {
		*f = o.encode(v, qos, retain, false, 0, nil)
	}
	return *f
}

func (o *Outgoing) encode(v packet.Version, qos byte, retain, dup bool, id uint16, subIDs []uint32) frame {
	o.made = true
	o.describe(v, qos, retain, dup, id, subIDs)
	p := &o.pub
	f := frame{from: len(o.scratch), size: p.Size(v)}
	if o.large() {
		o.scratch = packet.AppendPublishHead(o.scratch, p, v)
	} else {
		o.scratch = p.Append(o.scratch, v)
	}
	f.to = len(o.scratch)
	if qos > 0 {
		// The identifier follows the fixed header and the topic with its length.
		f.packetID = 1 + varintLen(f.size) + 2 + len(p.Topic)
	}
	return f
}

// describe makes o.pub the message as a version and a session get it.
func (o *Outgoing) describe(v packet.Version, qos byte, retain, dup bool, id uint16, subIDs []uint32) {
	p := &o.pub
	*p = packet.Publish{
		Dup: dup, Retain: retain, QoS: qos, PacketID: id, Payload: o.msg.Payload,
		Topic: append(p.Topic[:0], o.msg.Topic...),
	}
	if v == packet.V5 {
		p.Forward, p.SubscriptionIDs = o.msg.Forward, subIDs
		p.Expiry, p.HasExpiry = o.msg.Remaining(o.Now)
	}
}

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

// write puts the message into an outbox. id is 0 for QoS 0.
func (o *Outgoing) write(out *outbox, v packet.Version, d Delivery, dup bool, id uint16) {
	var f frame
	own := dup || len(d.SubscriptionIDs) > 0 && v == packet.V5 // not for others to share
	if own {
		f = o.encode(v, d.QoS, d.Retain, dup, id, d.SubscriptionIDs)
	} else {
		f = o.frame(v, d.QoS, d.Retain)
	}
	out.append(o.scratch[f.from:f.to])
	if own {
		o.scratch = o.scratch[:f.from]
	}
	if id != 0 {
		head := out.tail[len(out.tail)-(f.to-f.from):]
		binary.BigEndian.PutUint16(head[f.packetID:], id)
	}
	if o.large() {
		out.reference(o.Own().Payload)
	}
}

// size is the encoded size for a session, in bytes.
func (o *Outgoing) size(v packet.Version, d Delivery) int {
	if v == packet.V5 && len(d.SubscriptionIDs) > 0 {
		o.describe(v, d.QoS, d.Retain, false, 0, d.SubscriptionIDs)
		return o.pub.Size(v)
	}
	return o.frame(v, d.QoS, d.Retain).size
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
