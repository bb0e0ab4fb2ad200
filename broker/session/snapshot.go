package session

import "github.com/dunlin-mqtt/dunlin/broker/message"

// Stored is an entry of a session as the partition log knows it.
type Stored struct {
	Ordinal uint64
	Seq     uint64
	Message *message.Message // nil once Arrived
	QoS     byte
	Retain  bool
	Arrived bool // QoS 2: PUBREC has come
	IDs     []uint32
}

// Snapshot is what a session has to survive a restart with.
type Snapshot struct {
	Next     uint64   // ordinal of the next message
	Entries  []Stored // by ordinal
	Received []uint16 // inbound QoS 2 packet identifiers that are taken for good
}

// Snapshot copies the stored part of the session.
func (s *Session) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	snap := Snapshot{Next: s.ordinal}
	for i := range s.inflight.len() {
		if e := s.inflight.at(i); e.seq != 0 && e.state != done {
			snap.Entries = append(snap.Entries, e.stored())
		}
	}
	for i := range s.queue.len() {
		if e := s.queue.at(i); e.seq != 0 {
			snap.Entries = append(snap.Entries, e.stored())
		}
	}
	for id, stored := range s.received {
		if stored {
			snap.Received = append(snap.Received, id)
		}
	}
	return snap
}

func (e *entry) stored() Stored {
	return Stored{Ordinal: e.ordinal, Seq: e.seq, Message: e.msg, QoS: e.qos, Retain: e.retain, Arrived: e.state == awaitComp, IDs: e.subIDs}
}

// Restore makes the session what it was; it must be new. Everything is taken to have been sent
// before, as far as packet identifiers and the window go: a client that had not got a message yet
// takes one with DUP as well. What has arrived was sent, and so was all before it.
func (s *Session) Restore(snap Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.link.Durable = true
	s.ordinal = snap.Next
	sent := 0
	for i := range snap.Entries {
		if snap.Entries[i].Arrived {
			sent = i + 1
		}
	}
	for i := range snap.Entries {
		st := &snap.Entries[i]
		e := entry{ordinal: st.Ordinal, seq: st.Seq, msg: st.Message, subIDs: st.IDs, qos: st.QoS, retain: st.Retain, perhaps: true}
		if st.Arrived {
			e.state, e.perhaps = awaitComp, false
		}
		if i < sent || s.queue.len() == 0 && s.inflight.len() < s.limits.MaxInflight && e.ordinal-snap.Entries[0].Ordinal < identifiers {
			s.inflight.push(e)
			continue
		}
		e.perhaps = false
		s.queue.push(e)
		s.queued += int64(e.msg.Size())
	}
	for _, id := range snap.Received {
		if s.received == nil {
			s.received = make(map[uint16]bool)
		}
		s.received[id] = true
	}
}
