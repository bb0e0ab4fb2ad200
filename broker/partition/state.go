package partition

import (
	"fmt"
	"sort"

	"github.com/dunlin-mqtt/dunlin/broker/message"
)

// Entry is a message that a session still has to deliver or to finish.
type Entry struct {
	Ordinal uint64
	Seq     uint64           // of the message's record
	Message *message.Message // nil once it has arrived
	QoS     byte
	Retain  bool
	Arrived bool // QoS 2: PUBREC has come
	IDs     []uint32
}

// Session is one session as the log knows it.
type Session struct {
	Attach
	Left    int64 // when its connection ended, in Unix milliseconds; 0: it was connected
	Next    uint64
	Subs    map[string]Subscription
	Entries []Entry // by ordinal
	Inbound map[uint16]struct{}
}

// State is what a partition's checkpoint and log add up to.
type State struct {
	Sessions map[string]*Session
	// from is the first record that the checkpoint does not stand for; those before it are only
	// read for the messages that entries refer to.
	from    uint64
	wanting map[uint64][]*Entry
}

// NewState begins with a checkpoint that stands for all records below from.
func NewState(from uint64) *State {
	return &State{Sessions: make(map[string]*Session), from: from}
}

// LoadSession adds a session of the checkpoint.
func (st *State) LoadSession(client string, value []byte) error {
	s, err := parseSession(client, value)
	if err != nil {
		return fmt.Errorf("session %q in the checkpoint: %w", client, err)
	}
	st.Sessions[client] = s
	return nil
}

// Loaded is called once the checkpoint is in, before the first record.
func (st *State) Loaded() {
	st.wanting = make(map[uint64][]*Entry)
	for _, s := range st.Sessions {
		for i := range s.Entries {
			if e := &s.Entries[i]; !e.Arrived {
				st.wanting[e.Seq] = append(st.wanting[e.Seq], e)
			}
		}
	}
}

// Apply adds the record at seq.
func (st *State) Apply(seq uint64, rec []byte) error {
	p := &parser{rest: rec}
	k := kind(p.byte())
	switch {
	case k == kindMessage:
		if err := st.message(seq, p); err != nil {
			return fmt.Errorf("record %d: %w", seq, err)
		}
	case seq >= st.from:
		st.apply(k, p.string(), p)
	}
	if p.err != nil {
		return fmt.Errorf("record %d: %w", seq, p.err)
	}
	return nil
}

func (st *State) message(seq uint64, p *parser) error {
	recipients := p.recipients()
	wanting := st.wanting[seq]
	delete(st.wanting, seq)
	if p.err != nil || seq < st.from && len(wanting) == 0 {
		return p.err
	}
	msg := new(message.Message)
	if err := message.Parse(append([]byte(nil), p.rest...), msg); err != nil {
		return err
	}
	for _, e := range wanting {
		e.Message = msg
	}
	if seq < st.from {
		return nil
	}
	for i := range recipients {
		r := &recipients[i]
		if s := st.Sessions[r.Client]; s != nil && s.Epoch == r.Epoch {
			s.Entries = append(s.Entries, Entry{
				Ordinal: s.Next, Seq: seq, Message: msg, QoS: min(r.QoS, msg.QoS), Retain: r.Retain, IDs: r.IDs,
			})
			s.Next++
		}
	}
	return nil
}

func (st *State) apply(k kind, client string, p *parser) {
	s := st.Sessions[client]
	if k == kindAttach {
		st.attach(s, client, p)
		return
	}
	if s == nil {
		return // of a session that has ended since
	}
	switch k {
	case kindDetach:
		s.Left, s.Expiry = int64(p.uint()), uint32(p.uint())
	case kindEnd:
		delete(st.Sessions, client)
	case kindSubscribe:
		for _, sub := range p.subscriptions() {
			s.Subs[sub.Filter] = sub
		}
	case kindUnsubscribe:
		for range p.count(1) {
			delete(s.Subs, p.string())
		}
	case kindDone:
		for range p.count(1) {
			s.done(p.uint())
		}
	case kindArrived:
		if e := s.entry(p.uint()); e != nil {
			e.Arrived, e.Message, e.IDs = true, nil, nil
		}
	case kindInbound:
		s.Inbound[uint16(p.uint())] = struct{}{}
	case kindInboundDone:
		delete(s.Inbound, uint16(p.uint()))
	default:
		p.fail(fmt.Sprintf("unknown kind %d", k))
	}
}

func (st *State) attach(s *Session, client string, p *parser) {
	a := Attach{Client: client}
	a.parse(p)
	if s == nil || s.Epoch != a.Epoch {
		s = &Session{Subs: make(map[string]Subscription), Inbound: make(map[uint16]struct{})}
		st.Sessions[client] = s
	}
	s.Attach, s.Left = a, 0
}

// entry finds an entry by ordinal; nil: it is gone.
func (s *Session) entry(ordinal uint64) *Entry {
	i := sort.Search(len(s.Entries), func(i int) bool { return s.Entries[i].Ordinal >= ordinal })
	if i == len(s.Entries) || s.Entries[i].Ordinal != ordinal {
		return nil
	}
	return &s.Entries[i]
}

func (s *Session) done(ordinal uint64) {
	i := sort.Search(len(s.Entries), func(i int) bool { return s.Entries[i].Ordinal >= ordinal })
	switch {
	case i == len(s.Entries) || s.Entries[i].Ordinal != ordinal:
	case i == 0: // nearly always
		s.Entries = s.Entries[1:]
	default:
		s.Entries = append(s.Entries[:i], s.Entries[i+1:]...)
	}
}
