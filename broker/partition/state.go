package partition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/message"
)

// Session is one session as the log knows it.
type Session struct {
	Attach
	Left     int64          // when its connection ended, in Unix milliseconds; 0: it is connected
	Subs     []Subscription // by filter
	Sent     uint64         // messages below had been sent when the client left
	next     uint64         // ordinal of the next message
	*waiting                // nothing while there is none
	saved    bool           // a checkpoint has it
	dirty    bool           // and it, or none, is not what it was
}

// waiting is what a session still has to deliver or to finish.
type waiting struct {
	Inbound []uint16 // inbound QoS 2 packet identifiers that are taken, in order
	queue   queue
	arrived []uint64 // ordinals of messages whose PUBREC has come, in order
	soonest int64    // no message from ordinal looked on expires before; 0: none does
	looked  uint64
}

// nothing waits for the sessions that share it. Nobody writes to it.
var nothing = new(waiting)

// State is what a partition's log adds up to: its sessions and which records somebody refers to.
type State struct {
	sessions map[string]*Session
	bodies   bodies
	dirty    []*Session // since the last checkpoint
	ended    []string   // keys of the checkpoint that are to go
	next     uint64     // the next record to be applied

	// Queued, if not nil, is told of each message that Apply queues; it must not call the State.
	Queued func(client string, size int)
	// Finished, if not nil, is told of each message that Apply takes out of a queue; likewise.
	Finished func(client string, size int)
}

// NewState begins with a checkpoint that stands for all records below at; 0: there is none.
func NewState(at uint64) *State {
	st := &State{sessions: make(map[string]*Session)}
	st.Loaded(at)
	return st
}

// Loaded says, once the checkpoint has been loaded, that it stands for all records below at.
func (st *State) Loaded(at uint64) {
	st.next = max(at, 1)
	st.bodies.at = st.next
}

// Next is the sequence number of the record to apply next.
func (st *State) Next() uint64 { return st.next }

// Session is a client's session; nil: it has none.
func (st *State) Session(client string) *Session { return st.sessions[client] }

// Sessions calls fn for every session.
func (st *State) Sessions(fn func(s *Session)) {
	for _, s := range st.sessions {
		fn(s)
	}
}

// Apply applies the record at seq, which is the next. Applying what State has been told before, by
// the methods for what need not wait for the log, changes nothing.
func (st *State) Apply(seq uint64, rec []byte) error {
	if seq != st.next {
		return fmt.Errorf("record %d: it should be %d", seq, st.next)
	}
	p := &parser{rest: rec}
	if k := kind(p.byte()); k == kindMessage {
		st.message(seq, p)
	} else {
		st.apply(k, p.string(), p)
	}
	if p.err != nil {
		return fmt.Errorf("record %d: %w", seq, p.err)
	}
	st.next++
	return nil
}

// message queues the message at seq for its recipients.
func (st *State) message(seq uint64, p *parser) {
	head := parser{rest: p.head()}
	recipients := head.recipients()
	var msg message.Message
	if p.err != nil || head.err != nil {
		p.err = cmp.Or(p.err, head.err)
		return
	}
	if err := message.Parse(p.rest, &msg); err != nil {
		p.err = err
		return
	}
	for i := range recipients {
		r := &recipients[i]
		if _, ok := st.Enqueue(seq, &msg, r); ok && st.Queued != nil {
			st.Queued(r.Client, msg.Size())
		}
	}
}

// Applied says that the record at seq is applied: that of a message, by Enqueue for each recipient.
func (st *State) Applied(seq uint64) { st.next = seq + 1 }

// Enqueue queues the message of the record at seq for a recipient, with the ordinal that it returns;
// ok is false if the session is gone.
func (st *State) Enqueue(seq uint64, msg *message.Message, r *Recipient) (ordinal uint64, ok bool) {
	s := st.sessions[r.Client]
	if s == nil || s.Epoch != r.Epoch {
		return 0, false
	}
	ref := Ref{
		Ordinal: s.next, Seq: seq, Size: msg.Size(), Expires: msg.Expires,
		QoS: min(r.QoS, msg.QoS), Retain: r.Retain, IDs: r.IDs, Share: r.Share,
	}
	s.next++
	s.wait()
	s.queue.push(&ref)
	if ref.Expires != 0 && (s.soonest == 0 || ref.Expires < s.soonest) {
		s.soonest = ref.Expires
	}
	st.bodies.add(seq)
	st.touch(s)
	return ref.Ordinal, true
}

func (st *State) apply(k kind, client string, p *parser) {
	s := st.sessions[client]
	if k == kindAttach {
		st.attach(s, client, p)
		return
	}
	if s == nil {
		return // of a session that has ended since
	}
	switch k {
	case kindDone, kindInbound, kindInboundDone:
		if p.uint() != s.Epoch {
			return
		}
	}
	st.touch(s)
	switch k {
	case kindDetach:
		s.Left, s.Expiry = int64(p.uint()), uint32(p.uint())
		if p.byte() == 0 {
			s.Will = nil
		}
		s.Sent = p.uint()
		s.rest()
	case kindEnd:
		st.End(client)
	case kindSubscribe:
		for _, sub := range p.subscriptions() {
			s.subscribe(sub)
		}
	case kindUnsubscribe:
		for range p.count(1) {
			s.unsubscribe(p.string())
		}
	case kindDone:
		p.runs(func(first, n uint64) { st.doneRun(s, first, n) })
	case kindArrived:
		st.Arrived(s, p.uint())
	case kindInbound:
		s.wait()
		s.Inbound = insert(s.Inbound, uint16(p.uint()))
	case kindInboundDone:
		if id := uint16(p.uint()); len(s.Inbound) > 0 {
			s.Inbound = remove(s.Inbound, id)
		}
	case kindWillSent:
		s.Will = nil
	default:
		p.fail(fmt.Sprintf("unknown kind %d", k))
	}
}

func (st *State) attach(s *Session, client string, p *parser) {
	a := Attach{Client: client}
	a.parse(p)
	if s != nil && s.Epoch != a.Epoch {
		st.End(client)
		s = nil
	}
	if s == nil {
		s = &Session{waiting: nothing}
		st.sessions[client] = s
	}
	s.Attach, s.Left = a, 0
	st.touch(s)
}

// wait makes room for what waits.
func (s *Session) wait() {
	if s.waiting == nothing {
		s.waiting = new(waiting)
	}
}

// rest lets go of the memory of what waits, if nothing does and no checkpoint has any of it.
func (s *Session) rest() {
	if s.queue.shrink() && len(s.Inbound) == 0 {
		s.waiting = nothing
	}
}

// touch notes that the next checkpoint has to write s.
func (st *State) touch(s *Session) {
	if !s.dirty {
		s.dirty = true
		st.dirty = append(st.dirty, s)
	}
}

// End ends a session: what waits for it goes.
func (st *State) End(client string) {
	s := st.sessions[client]
	if s == nil {
		return
	}
	delete(st.sessions, client)
	s.queue.scan(0, func(r *Ref) bool {
		if !s.hasArrived(r.Ordinal) {
			st.bodies.release(r.Seq)
		}
		return true
	})
	st.ended = append(st.ended, s.keys()...)
	s.waiting = nothing
	s.dirty = true // and not in sessions: no checkpoint writes it
}

// Done takes a message out of s's queue: it was acknowledged, dropped or has expired. ok is false
// if it is not there.
func (st *State) Done(s *Session, ordinal uint64) (r Ref, ok bool) {
	if r, ok = s.queue.remove(ordinal); !ok {
		return r, false
	}
	if n := len(s.arrived); n > 0 {
		if s.arrived = remove(s.arrived, ordinal); len(s.arrived) < n {
			r.Arrived = true
		}
	}
	if !r.Arrived {
		st.bodies.release(r.Seq)
	}
	st.touch(s)
	return r, true
}

// doneRun takes n messages from an ordinal on out of s's queue, those that are there.
func (st *State) doneRun(s *Session, first, n uint64) {
	oldest, ok := s.queue.first()
	if !ok || first >= s.next {
		return
	}
	end := first + min(n, s.next-first)
	for ordinal := max(first, oldest); ordinal < end; ordinal++ {
		if r, ok := st.Done(s, ordinal); ok && st.Finished != nil {
			st.Finished(s.Client, r.Size)
		}
	}
}

// Arrived notes that the client has the QoS 2 message of an ordinal: its body is not needed any more.
func (st *State) Arrived(s *Session, ordinal uint64) {
	r, ok := s.queue.get(ordinal)
	if !ok || s.hasArrived(ordinal) {
		return
	}
	s.arrived = insert(s.arrived, ordinal)
	st.bodies.release(r.Seq)
	st.touch(s)
}

// LastArrived is the highest ordinal of a message whose PUBREC has come; false: there is none.
func (s *Session) LastArrived() (ordinal uint64, ok bool) {
	if n := len(s.arrived); n > 0 {
		return s.arrived[n-1], true
	}
	return 0, false
}

func (s *Session) hasArrived(ordinal uint64) bool {
	if len(s.arrived) == 0 {
		return false
	}
	_, found := slices.BinarySearch(s.arrived, ordinal)
	return found
}

// Next is the ordinal of the message that s gets next.
func (s *Session) Next() uint64 { return s.next }

// Waiting is how many messages are in s's queue, and their size in bytes.
func (s *Session) Waiting() (messages int, bytes int64) { return s.queue.count, s.queue.bytes }

// Shared is how many messages in s's queue came by a shared subscription.
func (s *Session) Shared(filter string) int { return s.queue.shares.count(filter) }

// Shares calls fn for each shared subscription that messages in s's queue came by, and how many.
func (s *Session) Shares(fn func(filter string, messages int)) {
	for _, sh := range s.queue.shares {
		if sh.refs > 0 {
			fn(sh.filter, sh.refs)
		}
	}
}

// Scan calls fn for the messages from an ordinal on, until fn returns false. r is only valid during fn.
func (s *Session) Scan(from uint64, fn func(r *Ref) bool) {
	s.queue.scan(from, func(r *Ref) bool {
		r.Arrived = s.hasArrived(r.Ordinal)
		return fn(r)
	})
}

// Expired appends to dst the ordinals from from on of the messages that have expired at now, with which
// the caller is done then. It looks at the queue only if something may have.
func (s *Session) Expired(from uint64, now int64, dst []uint64) []uint64 {
	if from >= s.looked && (s.soonest == 0 || now < s.soonest) {
		return dst
	}
	s.soonest, s.looked = 0, from
	s.queue.scan(from, func(r *Ref) bool {
		switch {
		case r.Expires == 0:
		case now >= r.Expires:
			dst = append(dst, r.Ordinal)
		case s.soonest == 0 || r.Expires < s.soonest:
			s.soonest = r.Expires
		}
		return true
	})
	return dst
}

func (s *Session) subscribe(sub Subscription) {
	i, found := s.subscription(sub.Filter)
	if found {
		s.Subs[i] = sub
		return
	}
	s.Subs = slices.Insert(s.Subs, i, sub)
}

func (s *Session) unsubscribe(filter string) {
	if i, found := s.subscription(filter); found {
		s.Subs = slices.Delete(s.Subs, i, i+1)
	}
}

func (s *Session) subscription(filter string) (i int, found bool) {
	return slices.BinarySearchFunc(s.Subs, filter, func(sub Subscription, filter string) int {
		return strings.Compare(sub.Filter, filter)
	})
}

// insert adds v to a sorted list, if it is not in it.
func insert[T uint16 | uint64](list []T, v T) []T {
	i, found := slices.BinarySearch(list, v)
	if found {
		return list
	}
	return slices.Insert(list, i, v)
}

// remove takes v out of a sorted list. A list that becomes empty holds no memory.
func remove[T uint16 | uint64](list []T, v T) []T {
	i, found := slices.BinarySearch(list, v)
	switch {
	case !found:
		return list
	case len(list) == 1:
		return nil
	}
	return slices.Delete(list, i, i+1)
}
