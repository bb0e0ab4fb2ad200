package load

import "encoding/binary"

// payloadHead is what a payload begins with: the publisher's index (4 bytes), nothing (4), and where latency is measured
// the time of sending (8). A payload is never smaller.
const payloadHead = 16

// publisher is the sending side of a Conn: a window of messages that have not been delivered, or not acknowledged.
type publisher struct {
	qos                    byte
	window                 int
	fan                    int // how often each message is delivered
	sent, acked, delivered int
	identifier             uint16
	packet                 func() (packet []byte, payload int) // the next, and how long its payload is
	marked                 bool                                // it is in Loop.due
}

// publishes makes c a publisher of one topic.
func (c *Conn) publishes(topic string, qos byte, payload, window, fan int) {
	p := publishPacket(topic, qos, false, c.payload(payload))
	c.publishesAny(qos, window, fan, func() ([]byte, int) { return p, payload })
}

// publishesAny makes c a publisher of the packets that packet returns; their payloads begin with its index.
func (c *Conn) publishesAny(qos byte, window, fan int, packet func() ([]byte, int)) {
	c.pub = &publisher{qos: qos, window: window, fan: fan, packet: packet}
}

func (c *Conn) payload(size int) []byte {
	b := make([]byte, max(size, payloadHead))
	binary.BigEndian.PutUint32(b, uint32(c.index))
	return b
}

// queue appends the next message to what is sent, and returns where its payload begins there.
func (c *Conn) queue() (at int) {
	packet, payload := c.pub.packet()
	c.out = append(c.out, packet...)
	at = len(c.out) - payload
	if c.pub.qos > 0 {
		if c.pub.identifier++; c.pub.identifier == 0 {
			c.pub.identifier = 1
		}
		binary.BigEndian.PutUint16(c.out[at-2:], c.pub.identifier)
	}
	c.pub.sent++
	return at
}

// open is how many messages are under way.
func (p *publisher) open() int {
	n := p.sent - p.delivered/p.fan
	if p.qos > 0 {
		n = max(n, p.sent-p.acked)
	}
	return n
}

// fill sends what the window allows, once a quarter of it is free: a message at a time would be a packet a write.
func (c *Conn) fill() {
	p := c.pub
	room := p.window - p.open()
	if room <= 0 || room < p.window/4 && p.sent > 0 || c.state != stateUp {
		return
	}
	for range room {
		c.queue()
	}
	if !c.wantsOut {
		c.flush()
	}
}

// mark notes that a publisher may have room.
func (c *Conn) mark() {
	if !c.pub.marked {
		c.pub.marked = true
		c.loop.due = append(c.loop.due, c)
	}
}

// fillDue lets all publishers send that may have room.
func (l *Loop) fillDue() {
	for _, c := range l.due {
		c.pub.marked = false
		c.fill()
	}
	l.due = l.due[:0]
}

// countFor makes what c receives count as delivered for the publisher whose index is in the payload.
func (c *Conn) countFor(publishers []*Conn) {
	c.onPublish = func(body []byte, qos byte) {
		p := publishers[binary.BigEndian.Uint32(payloadOf(body, qos))]
		p.pub.delivered++
		p.mark()
	}
}
