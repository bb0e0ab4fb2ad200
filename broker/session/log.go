package session

import "github.com/dunlin-mqtt/dunlin/broker/message"

// A logged session's QoS 1 and 2 messages are in a partition's log, numbered by ordinals. While its
// client is connected it holds a window of them: what is in flight, and some that are ready to be
// sent. A message that has just been stored is offered to it; what it does not take then, because it
// is not the next or the window is full, it wants loaded later. While the client is away it holds
// nothing.

const (
	readyMax      = 1024      // messages ready to be sent
	readyMaxBytes = 256 << 10 // their size, but for the last
	readyLow      = 64        // below it more are loaded
)

// Stored is a message from the log.
type Stored struct {
	Ordinal uint64
	Message *message.Message // nil if Arrived
	QoS     byte
	Retain  bool
	Arrived bool // QoS 2: PUBREC has come
	IDs     []uint32
}

// Restore makes a new session a logged one of before a restart. received are the inbound QoS 2 packet
// identifiers that are taken. Messages below perhaps may have been sent, those below sent were, and
// inflight of those are not acknowledged.
func (s *Session) Restore(received []uint16, sent, perhaps uint64, inflight int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logged, s.sent, s.perhaps, s.left = true, sent, max(sent, perhaps), int32(inflight)
	for _, id := range received {
		s.receive(id)
	}
}

// Sent is where the messages begin that were certainly not sent yet: those before may be in flight.
func (s *Session) Sent() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink != nil {
		return max(s.next, s.perhaps)
	}
	return s.perhaps
}

// Offer hands a logged session the message that the log has just got, as its message number ordinal.
// If it does not take it, it wants it loaded later: load is not nil if that is now. One that the
// client cannot take ever is among those that Released returns next.
func (s *Session) Offer(o *Outgoing, ordinal uint64, d *Delivery) (flush, load Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.link.Sink == nil:
		return nil, nil
	case ordinal != s.next || s.queue.len() >= readyMax || s.queued >= readyMaxBytes:
		s.behind = true
		return nil, s.hungry()
	}
	room := s.queue.len() == 0 && s.hasRoom()
	s.next++
	d.QoS = min(d.QoS, o.msg.QoS)
	if !room {
		s.push(entry{ordinal: ordinal, msg: o.Own(), subIDs: d.SubscriptionIDs, qos: d.QoS, retain: d.Retain})
		return nil, nil
	}
	if s.tooLarge(o, d) {
		n := s.note()
		n.released = append(n.released, ordinal)
		return nil, nil
	}
	s.send(o, entry{ordinal: ordinal, subIDs: d.SubscriptionIDs, qos: d.QoS, retain: d.Retain}, d)
	return s.wake(), nil
}

// Behind says that the log has a message that was not offered. The sink is as Hungry's.
func (s *Session) Behind() Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink == nil {
		return nil
	}
	s.behind = true
	return s.hungry()
}

// Shed takes messages out of the window that are ready and have not been sent, the oldest first, as long
// as drop says so. They are the oldest that wait.
func (s *Session) Shed(drop func(size int) bool) (ordinals []uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.window != outside && s.queue.len() > 0 {
		e := s.queue.at(0)
		if e.msg == nil || e.ordinal < s.perhaps || !drop(e.msg.Size()) {
			break
		}
		ordinals = append(ordinals, s.popQueue().ordinal)
	}
	return ordinals
}

// Hungry is the sink that is to load messages from the log now; nil: none is, or it does so already.
func (s *Session) Hungry() Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hungry()
}

func (s *Session) hungry() Sink {
	if !s.behind || s.loading || s.link.Sink == nil || !s.wants() {
		return nil
	}
	s.loading = true
	return s.link.Sink
}

// wants says whether there is room for more.
func (s *Session) wants() bool {
	return s.queue.len() <= readyLow && s.queued < readyMaxBytes && s.out.size <= s.limits.MaxOutbound && !s.isHeld(s.next)
}

// Wants says from which ordinal on messages are to be loaded, and how many and of how many bytes at
// most. ok is false if none are, and then somebody else may be told to.
func (s *Session) Wants(sink Sink) (from uint64, messages int, bytes int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink != sink || !s.behind || !s.wants() {
		if s.link.Sink == sink {
			s.loading = false
		}
		return 0, 0, 0, false
	}
	s.behind = false // what is not taken from now on is noted again
	s.stale = false
	return s.next, readyMax - s.queue.len(), readyMaxBytes - s.queued, true
}

// Load takes messages from the log, in order; the next that it has not been given is next. more says
// that there are more.
func (s *Session) Load(sink Sink, stored []Stored, next uint64, more bool, now int64) Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink != sink {
		return nil
	}
	if s.stale { // the log says by now what is left
		s.behind = true
		return nil
	}
	for i := range stored {
		st := &stored[i]
		if st.Ordinal < s.next {
			continue // it was offered after Wants and before the log was looked at
		}
		if s.isHeld(st.Ordinal) {
			next, more = st.Ordinal, true // those after it wait with it
			break
		}
		e := entry{ordinal: st.Ordinal, msg: st.Message, subIDs: st.IDs, qos: st.QoS, retain: st.Retain}
		if st.Arrived {
			e.state = awaitComp
		}
		s.push(e)
	}
	s.next = max(s.next, next)
	s.behind = s.behind || more
	s.pump(now)
	return s.wake()
}

// Released takes the ordinals of the messages that a logged session is done with: acknowledged,
// dropped or expired. The log has to be told.
func (s *Session) Released() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.released
	if len(r) > 0 {
		s.released = nil
	}
	if s.link.Sink == nil {
		s.tear()
	}
	return r
}
