package session

import (
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// Sink is a connection as a session sees it: something that can be told to write what waits. Flush
// is called without the session's lock and must not block on the socket. Load, called likewise, has
// messages loaded from the log until Wants says no.
type Sink interface {
	Flush()
	Load()
}

// Attachment is what a connection brings to its session.
type Attachment struct {
	Sink              Sink
	MaxPacketSize     uint32 // the largest packet the client takes, in bytes; 0: any
	ReceiveMaximum    uint16 // how many unacknowledged messages the client takes; 0: 65535
	TopicAliasMaximum uint16 // how many topic aliases it may be sent, with MQTT 5 only; 0: none
	Version           packet.Version
	Durable           bool // the session outlives the connection
	Logged            bool // its QoS 1 and 2 messages are in a log: Offer and Load, not Deliver
}

// Session is one client's session. It outlives connections; its zero value is not usable.
type Session struct {
	id     string
	limits *Limits

	mu      sync.Mutex
	*window         // outside while there is nothing to hold
	*notes          // blank while there are none
	shares  *shares // what its messages came by; nil: nothing came by a shared subscription

	// What only a logged session has.
	sent     uint64 // messages below have been sent
	perhaps  uint64 // messages below may have been sent; at least sent
	left     int32  // how many were in flight when the client left
	logged   bool   // it is one
	stale    bool   // some of what is being loaded has been given to others
	heldAway bool   // the client was away when they were held, and is since: those that were sent count in left
}

// notes is what a session remembers of some messages; that of one whose client is away is seldom anything.
type notes struct {
	received map[uint16]struct{} // inbound QoS 2 packet identifiers that are taken
	released []uint64            // of a logged session: ordinals of messages that are done with; Released takes them
	held     []uint64            // likewise: ordinals of messages that may be given to others, in order: they are not sent meanwhile
}

// blank is the notes of all sessions that have none. Nobody writes to it.
var blank = new(notes)

// note returns the notes to be changed.
func (s *Session) note() *notes {
	if s.notes == blank {
		s.notes = new(notes)
	}
	return s.notes
}

// tear lets go of the notes if there are none.
func (s *Session) tear() {
	if len(s.received) == 0 && len(s.released) == 0 && len(s.held) == 0 {
		s.notes = blank
	}
}

// window is what a session holds in memory of its messages.
type window struct {
	link     Attachment // Sink is nil while the client is away
	out      outbox
	aliases  *aliases // of the connection; nil: none
	inflight entries  // sent and not fully acknowledged, by ordinal
	queue    entries  // waiting, by ordinal
	queued   int64    // bytes in queue
	unacked  int      // entries of inflight that still await something
	unsent   int      // entries of inflight to be sent again; of a logged session none
	next     uint64   // ordinal of the next message
	behind   bool     // of a logged session: the log has messages from next on
	loading  bool     // somebody loads them

	sentMessages uint64 // PUBLISHes put into out since the connection was made
	sentBytes    uint64 // taken from out
}

// outside is the window of all sessions that hold nothing. Nobody writes to it.
var outside = new(window)

// New makes a session of the client named id. limits is shared by all sessions.
func New(id string, limits *Limits) *Session {
	return &Session{id: id, limits: limits, window: outside, notes: blank}
}

// ID is the client identifier.
func (s *Session) ID() string { return s.id }

// Attach gives the session a connection, whose first packet is first; a former one must have been
// detached. What is in flight and waits is sent by Resume, or for a logged session by Load: until
// then new messages wait behind it.
func (s *Session) Attach(a Attachment, first []byte) {
	if a.ReceiveMaximum == 0 {
		a.ReceiveMaximum = 65535
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.window == outside || s.logged {
		s.window = new(window)
	}
	s.link = a
	s.sentMessages, s.sentBytes = 0, 0
	s.aliases = newAliases(a.TopicAliasMaximum)
	s.out.drop()
	s.out.append(first)
	if s.logged = s.logged || a.Logged; s.logged {
		s.behind, s.heldAway = true, false
		return
	}
	s.reopen()
}

// Detach takes sink's connection away with the bytes that wait for it, and says whether it was attached.
func (s *Session) Detach(sink Sink) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink == nil || s.link.Sink != sink {
		return false
	}
	s.tear()
	if s.logged { // the log has what was in it
		s.left = int32(s.unacked)
		s.window = outside
		return true
	}
	s.link.Sink, s.aliases = nil, nil
	s.out.drop()
	return true
}

// Online says whether a connection is attached.
func (s *Session) Online() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.Sink != nil
}

// AttachedTo says whether sink's connection is the one that is attached.
func (s *Session) AttachedTo(sink Sink) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.Sink == sink
}

// Pending is the number of messages in flight, or that were when the client left, and of those that
// wait in memory.
func (s *Session) Pending() (inflight, queued int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.window == outside {
		return int(s.left), 0
	}
	return s.unacked, s.queue.len()
}

// Append queues an encoded control packet for sink's connection, copying b, and returns the sink
// if the caller is the one who has to flush it. Once sink is no longer attached, or has Last, it does nothing.
func (s *Session) Append(sink Sink, b []byte) Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink != sink || s.out.sealed {
		return nil
	}
	s.out.append(b)
	return s.wake()
}

// Last is Append of the connection's last packet: no other follows it. [MQTT-3.14.4-1]
func (s *Session) Last(sink Sink, b []byte) Sink {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink != sink || s.out.sealed {
		return nil
	}
	s.out.append(b)
	s.out.sealed = true
	return s.wake()
}

// wake returns the sink if nobody is about to flush it yet.
func (s *Session) wake() Sink {
	if s.out.dirty || s.out.writing || s.out.size == 0 {
		return nil
	}
	s.out.dirty = true
	return s.link.Sink
}

// Begin claims the right to write for sink. ok is false if there is nothing to write or somebody else is writing.
func (s *Session) Begin(sink Sink) (ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink != sink || s.out.writing || s.out.size == 0 {
		return false
	}
	s.out.writing = true
	return true
}

// Take appends what waits to dst; who has the right to write calls it until ok is false, which
// gives the right back. The time is asked for only if it matters: that takes as long as the rest.
func (s *Session) Take(sink Sink, now func() time.Time, dst []Segment) (segs []Segment, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link.Sink != sink {
		return dst, false
	}
	s.out.dirty = false
	if s.out.size == 0 && s.unsent+s.queue.len() > 0 {
		s.pump(now().UnixMilli())
	}
	if s.out.size == 0 {
		s.out.writing = false
		return dst, false
	}
	s.sentBytes += uint64(s.out.size)
	return s.out.take(dst), true
}

// Idle says whether nothing waits for sink's socket and nobody is writing to it.
func (s *Session) Idle(sink Sink) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link.Sink != sink || s.out.size == 0 && !s.out.writing
}

// Backlog is the number of bytes that wait for sink's socket and the messages that wait for room.
func (s *Session) Backlog() (bytes, messages int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.size, s.queue.len()
}

// End forgets what waits, so that it does not count any more. The session is not used after: nothing
// can be delivered to it. left is what Surrender would have taken out of it.
func (s *Session) End() (left []Shared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.logged {
		if s.shares != nil {
			left = s.surrender(func(*entry) bool { return true })
		}
		s.limits.Held.Add(-s.queue.len(), -s.queued)
	}
	s.window = outside
	return left
}
