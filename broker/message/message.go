// Package message holds an application message on its way from a publisher to sessions.
//
// A Message is immutable once published: sessions, queues and the retained store share one. A
// reader may route a borrowed Message, whose slices alias its read buffer; whoever keeps a message
// beyond the call takes Own's copy. The package never encodes or sends.
package message

// Message is one application message.
type Message struct {
	// Topic is the topic name.
	Topic string
	// Payload is the application's; empty is allowed.
	Payload []byte
	// Forward is the encoded MQTT 5 properties that are passed on unaltered and in order.
	Forward []byte
	// Publisher is the client identifier of the publisher, for No Local; empty: the broker itself.
	Publisher string
	// Expires is when the message expires, in Unix milliseconds; 0: never. MQTT 5 §3.3.2.3.3.
	Expires int64
	// QoS is what it was published with.
	QoS byte
	// Retain is the RETAIN flag that it was published with.
	Retain bool
}

// Own returns a copy that shares no bytes with m; it does share m's strings, which nobody changes.
// What most messages have fits into one allocation.
func (m *Message) Own() *Message {
	size := len(m.Payload) + len(m.Forward)
	switch {
	case size <= 32:
		own := &struct {
			Message
			room [32]byte
		}{Message: *m}
		return own.keep(own.room[:size:size])
	case size <= 64:
		own := &struct {
			Message
			room [64]byte
		}{Message: *m}
		return own.keep(own.room[:size:size])
	case size <= 96:
		own := &struct {
			Message
			room [96]byte
		}{Message: *m}
		return own.keep(own.room[:size:size])
	case size <= 288:
		own := &struct {
			Message
			room [288]byte
		}{Message: *m}
		return own.keep(own.room[:size:size])
	}
	own := *m
	return own.keep(make([]byte, size))
}

// keep copies the bytes into room, which has their size.
func (m *Message) keep(room []byte) *Message {
	n := copy(room, m.Payload)
	copy(room[n:], m.Forward)
	m.Payload, m.Forward = room[:n:n], room[n:]
	return m
}

// Size is what the message counts against queue limits, in bytes: topic, properties and payload.
func (m *Message) Size() int { return len(m.Topic) + len(m.Forward) + len(m.Payload) }

// Expired says whether the message's interval has passed at now (Unix milliseconds).
func (m *Message) Expired(now int64) bool { return m.Expires != 0 && now >= m.Expires }

// Remaining is the message expiry interval to forward at now: whole seconds, at least 1. ok is
// false when the message never expires. [MQTT-3.3.2-6]
func (m *Message) Remaining(now int64) (seconds uint32, ok bool) {
	if m.Expires == 0 {
		return 0, false
	}
	return uint32(max(1, (m.Expires-now+999)/1000)), true
}
