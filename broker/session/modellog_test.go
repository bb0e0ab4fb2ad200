package session

import (
	"slices"
	"strconv"

	"github.com/dunlin-mqtt/dunlin/broker/message"
)

// modelLog is what a partition's log and its state say of the model's session, and the server's part
// in it: it offers, loads, drops and comes back after a restart.
type modelLog struct {
	m        *model
	first    uint64 // ordinal of the first message
	messages []logMessage
	loads    []*modelLoad
	released map[uint64]bool
	finished []uint64 // released, oldest first; the disk may not know of the last
	told     int      // of finished, how many the disk knows
}

type logMessage struct {
	msg     *message.Message
	done    bool
	dropped bool
	arrived bool
}

// modelLoad is a loader between two of its steps.
type modelLoad struct {
	sink     Sink
	wanted   bool // it knows what the session wants
	asked    bool // it knows what there is
	messages int
	bytes    int64
	stored   []Stored
	next     uint64
	more     bool
}

func (l *modelLog) end() uint64 { return l.first + uint64(len(l.messages)) }

func (l *modelLog) at(ordinal uint64) *logMessage {
	if ordinal < l.first || ordinal >= l.end() {
		l.m.t.Fatalf("ordinal %d of [%d, %d)", ordinal, l.first, l.end())
	}
	return &l.messages[ordinal-l.first]
}

// waiting is how many messages are neither done nor in flight.
func (l *modelLog) waiting() (n int) {
	for i := range l.messages {
		if !l.messages[i].done {
			n++
		}
	}
	inflight, _ := l.m.s.Pending()
	return n - inflight
}

// offer stores a message, or drops one by the policy.
func (l *modelLog) offer(msg *message.Message) bool {
	if l.m.limits.Policy != DropOldest && l.waiting() >= l.m.limits.MaxQueued {
		return false
	}
	ordinal := l.end()
	l.messages = append(l.messages, logMessage{msg: msg})
	var o Outgoing
	o.Reset(msg, true, 0)
	_, load := l.m.s.Offer(&o, ordinal, &Delivery{QoS: msg.QoS})
	l.load(load)
	if l.m.limits.Policy == DropOldest {
		for at := max(l.m.s.Sent(), l.first); at < l.end() && l.waiting() > l.m.limits.MaxQueued; at++ {
			if e := l.at(at); !e.done {
				e.done, e.dropped = true, true
			}
		}
	}
	return true
}

// load begins to load for a connection; nil: for none.
func (l *modelLog) load(sink Sink) {
	if sink == nil {
		return
	}
	for _, other := range l.loads {
		if other.sink == sink {
			l.m.t.Fatal("two are told to load for one connection")
		}
	}
	l.loads = append(l.loads, &modelLoad{sink: sink})
}

// step takes a loader one step further.
func (l *modelLog) step(i int) {
	if i >= len(l.loads) {
		return
	}
	load := l.loads[i]
	if load.asked {
		load.asked = false
		stored := slices.DeleteFunc(load.stored, func(st Stored) bool { // the log has let go of it since
			return !st.Arrived && l.at(st.Ordinal).dropped && st.Ordinal%2 == 0
		})
		l.m.s.Load(load.sink, stored, load.next, load.more, 0)
		return
	}
	if load.wanted {
		load.wanted, load.asked = false, true
		load.refer(l, load.next, load.messages, load.bytes)
		return
	}
	if load.next, load.messages, load.bytes, load.wanted = l.m.s.Wants(load.sink); !load.wanted {
		l.loads = slices.Delete(l.loads, i, i+1)
	}
}

// refer notes the messages that are next, at most 3 at a time.
func (load *modelLoad) refer(l *modelLog, from uint64, messages int, bytes int64) {
	load.stored, load.next, load.more = nil, max(from, l.end()), false
	for ordinal := max(from, l.first); ordinal < l.end(); ordinal++ {
		e := l.at(ordinal)
		if e.done {
			continue
		}
		if len(load.stored) == min(messages, 3) || bytes <= 0 {
			load.next, load.more = ordinal, true
			return
		}
		st := Stored{Ordinal: ordinal, QoS: e.msg.QoS, Arrived: e.arrived}
		if !e.arrived {
			st.Message = e.msg
			bytes -= int64(e.msg.Size())
		}
		load.stored = append(load.stored, st)
	}
}

// arrived notes a PUBREC, which is to be stored unless it has been.
func (l *modelLog) arrived(id uint16, ordinal uint64, stored bool) {
	e := l.at(ordinal)
	if packetID(ordinal) != id || stored == e.arrived || e.msg.QoS != 2 {
		l.m.t.Fatalf("PUBREC %d of ordinal %d, %+v: to be stored %v", id, ordinal, e, stored)
	}
	e.arrived = !e.dropped // what has been dropped is not there to have arrived
}

// collect takes what the session is done with. No ordinal may come twice.
func (l *modelLog) collect() {
	for _, ordinal := range l.m.s.Released() {
		if l.released[ordinal] {
			l.m.t.Fatalf("ordinal %d is released twice", ordinal)
		}
		l.released[ordinal] = true
		l.at(ordinal).done = true
		l.finished = append(l.finished, ordinal)
	}
}

// restart begins a new session with what the disk has. It may not know which messages were the last
// to be released, but no more than fit into the window together with those in flight.
func (l *modelLog) restart() {
	l.collect()
	lost := max(0, min(l.m.draw(3), len(l.finished)-l.told, l.m.limits.MaxInflight-l.inFlight()))
	for range lost {
		ordinal := l.finished[len(l.finished)-1]
		l.finished = l.finished[:len(l.finished)-1]
		l.at(ordinal).done = l.at(ordinal).dropped
		delete(l.released, ordinal)
	}
	l.told = len(l.finished)
	sent, perhaps := l.mayBeSent(l.m.limits.MaxInflight)
	l.m.s = New("c", &l.m.limits)
	l.m.s.Restore(nil, sent, perhaps, 0)
}

// inFlight is how many messages may be in flight though nobody is connected.
func (l *modelLog) inFlight() (n int) {
	for ordinal := l.first; ordinal < min(l.m.s.Sent(), l.end()); ordinal++ {
		if !l.at(ordinal).done {
			n++
		}
	}
	return n
}

// mayBeSent is as the server finds it out.
func (l *modelLog) mayBeSent(window int) (sent, perhaps uint64) {
	n := 0
	for i := range l.messages {
		e, ordinal := &l.messages[i], l.first+uint64(i)
		if e.done {
			continue
		}
		if n++; n <= window {
			perhaps = ordinal + 1
		}
		if e.arrived {
			sent = ordinal + 1
		}
	}
	return sent, max(sent, perhaps)
}

// finish checks that each message has come, or was dropped and that is known.
func (l *modelLog) finish() {
	for i := range l.messages {
		e := &l.messages[i]
		payload, _ := strconv.Atoi(string(e.msg.Payload)) // written by deliver
		if !e.done || !e.dropped && (l.m.got[payload] == 0 || !l.released[l.first+uint64(i)]) {
			l.m.t.Fatalf("message %d: %+v, come %d times, released %v", payload, e, l.m.got[payload], l.released[l.first+uint64(i)])
		}
	}
	if len(l.messages)+l.m.rejected != l.m.next {
		l.m.t.Fatalf("%d messages stored and %d rejected of %d", len(l.messages), l.m.rejected, l.m.next)
	}
	if l.m.limits.Held.Messages.Load() != 0 {
		l.m.t.Fatal("what waits in the log is held by the session as well")
	}
}
