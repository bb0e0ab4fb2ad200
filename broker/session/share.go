package session

import (
	"slices"
	"sort"

	"github.com/dunlin-mqtt/dunlin/broker/message"
)

// Ease is how easily a session takes a message, for who can choose between several. A lower one is better.
type Ease byte

// The eases.
const (
	AtOnce Ease = iota // it is sent at once
	Waits              // it has to wait for acknowledgements
	Absent             // it has to wait for the client
	Full               // something has to be dropped for it
	Never              // the client is not there to take it, or has said that it cannot
)

// Backlog is what a logged session's log has for it, or is on its way there. Others know it themselves.
type Backlog struct {
	Messages int
	Bytes    int64
}

// Ease says how easily the session would take a message now. MQTT 5 §4.8.2.
func (s *Session) Ease(o *Outgoing, d *Delivery, log Backlog) Ease {
	d.QoS = min(d.QoS, o.msg.QoS)
	s.mu.Lock()
	defer s.mu.Unlock()
	online := s.link.Sink != nil
	switch {
	case !online && (d.QoS == 0 || !s.logged && !s.link.Durable), online && !s.fits(o, d):
		return Never
	case d.QoS == 0 && s.out.size > s.limits.MaxOutbound:
		return Never
	case d.QoS == 0, online && s.room(log) > 0:
		return AtOnce
	case s.overfull(o.msg.Size(), log):
		return Full
	case online:
		return Waits
	}
	return Absent
}

// Room is how many messages that it has to acknowledge a connected client takes at once; the log's
// backlog is counted out.
func (s *Session) Room(log Backlog) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink == nil {
		return 0
	}
	return s.room(log)
}

func (s *Session) room(log Backlog) int {
	if s.out.size > s.limits.MaxOutbound {
		return 0
	}
	pending := log.Messages
	if !s.logged {
		if pending = s.unacked + s.unsent + s.queue.len(); !s.hasRoom() {
			return 0
		}
	}
	return max(0, min(s.limits.MaxInflight, int(s.link.ReceiveMaximum))-pending)
}

// overfull says whether one more message of size bytes that waits is too much.
func (s *Session) overfull(size int, log Backlog) bool {
	if !s.logged {
		return s.full(int64(size))
	}
	inflight := int(s.left)
	if s.window != outside {
		inflight = s.unacked
	}
	held := s.limits.Held.Bytes.Load() + int64(size)
	return s.limits.Exceeded(log.Messages+1-inflight, log.Bytes+int64(size), held)
}

// Shared is a message that came by a shared subscription, and how its session was to get it.
type Shared struct {
	Ordinal uint64 // tells it from the others of its session
	Message *message.Message
	Delivery
}

func (s *Session) shared(e *entry) Shared {
	d := e.delivery()
	d.Share = s.shares.filter(e.share)
	return Shared{e.ordinal, e.msg, d}
}

// Movable appends to dst the messages, from an ordinal on and at most so many, that came by a share ("": by any) to a session
// that is not logged, and may be given to others. Those are the ones that have not been sent; and of a client that is away those
// of QoS 1 that it has not acknowledged, while a QoS 2 message that has been sent stays. [MQTT-4.8.2-4] [MQTT-4.8.2-5]
func (s *Session) Movable(share string, from uint64, most int, dst []Shared) []Shared {
	s.mu.Lock()
	defer s.mu.Unlock()
	most += len(dst)
	number := s.shares.number(share)
	if s.shares == nil || s.logged || share != "" && number == 0 {
		return dst
	}
	for i := 0; s.link.Sink == nil && i < s.inflight.len() && len(dst) < most; i++ {
		if e := s.inflight.at(i); e.ordinal >= from && e.mayLeave() && e.cameBy(number) {
			dst = append(dst, s.shared(e))
		}
	}
	for i := 0; i < s.queue.len() && len(dst) < most; i++ {
		if e := s.queue.at(i); e.ordinal >= from && e.cameBy(number) {
			dst = append(dst, s.shared(e))
		}
	}
	return dst
}

// mayLeave says of what is in flight whether others may get it.
func (e *entry) mayLeave() bool { return e.qos == 1 && e.state != done }

func (e *entry) cameBy(share uint32) bool { return e.share != 0 && (share == 0 || e.share == share) }

// Surrender takes these messages out of the session, as far as they are Movable still.
func (s *Session) Surrender(ordinals []uint64) []Shared {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shares == nil || s.logged {
		return nil
	}
	return s.surrender(func(e *entry) bool {
		_, found := slices.BinarySearch(ordinals, e.ordinal)
		return found
	})
}

// surrender takes out what is movable and wanted.
func (s *Session) surrender(wanted func(*entry) bool) (taken []Shared) {
	for i := 0; s.link.Sink == nil && i < s.inflight.len(); i++ {
		if e := s.inflight.at(i); e.mayLeave() && e.cameBy(0) && wanted(e) {
			taken = append(taken, s.shared(e))
			s.finish(e)
		}
	}
	s.popDone()
	for range s.queue.len() { // once around
		e := s.popQueue()
		if e.cameBy(0) && wanted(&e) {
			taken = append(taken, s.shared(&e))
			continue
		}
		s.push(e)
	}
	return taken
}

// Hold says which of these messages of a logged session may be given to another one, in place, and
// keeps them from being sent, and those after them, until Unhold: those that have not been sent; and of a client that is away those of QoS 1
// that it has not acknowledged. A QoS 2 message that may have been sent stays.
// [MQTT-4.8.2-4] [MQTT-4.8.2-5]
func (s *Session) Hold(stored []Stored) []Stored {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heldAway = s.link.Sink == nil
	kept := stored[:0]
	for _, st := range stored {
		if s.isHeld(st.Ordinal) || !s.mayLeave(&st) {
			continue
		}
		kept = append(kept, st)
		i, _ := slices.BinarySearch(s.held, st.Ordinal)
		s.note().held = slices.Insert(s.held, i, st.Ordinal)
	}
	return kept
}

// mayLeave says whether a message need not stay with the session.
func (s *Session) mayLeave(st *Stored) bool {
	if s.link.Sink != nil && st.Ordinal < s.next {
		return st.Ordinal >= s.perhaps && s.isReady(st.Ordinal)
	}
	return st.Ordinal >= s.perhaps || st.QoS == 1 // it is not loaded
}

// isReady says whether a message is among those that are ready to be sent.
func (s *Session) isReady(ordinal uint64) bool {
	n := s.queue.len()
	i := sort.Search(n, func(i int) bool { return s.queue.at(i).ordinal >= ordinal })
	return i < n && s.queue.at(i).ordinal == ordinal && s.queue.at(i).msg != nil
}

// Unhold lets go of what is held: these ordinals, in order, are another session's now, and the others are
// sent. flush and load are not nil if the caller has to do that.
func (s *Session) Unhold(moved []uint64, now int64) (flush, load Sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note().held, s.stale = moved, s.stale || len(moved) > 0
	for i := 0; s.heldAway && i < len(moved) && moved[i] < s.perhaps; i++ {
		s.left = max(0, s.left-1) // it does not count as in flight any more
	}
	for range s.queue.len() { // once around
		if e := s.popQueue(); !s.isHeld(e.ordinal) {
			s.push(e)
		}
	}
	s.held = nil
	if s.link.Sink == nil {
		s.tear()
	}
	s.pump(now)
	return s.wake(), s.hungry()
}

func (s *Session) isHeld(ordinal uint64) bool {
	if len(s.held) == 0 {
		return false
	}
	_, held := slices.BinarySearch(s.held, ordinal)
	return held
}
