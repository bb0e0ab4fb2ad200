package server

import (
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
)

// subscription is one filter of one client. Immutable but for verdict; the index holds it.
type subscription struct {
	client            *client
	filter            string
	id                uint32 // subscription identifier; 0: none
	qos               byte
	noLocal           bool
	retainAsPublished bool
	verdict           atomic.Uint64 // policy generation << 3 | told << 2 | auth.Verdict + 1; 0: not asked yet
	share             *membership   // nil: it is not shared; without a client it stands for a group
}

// told is set in a subscription's verdict once it has been told that the rules would keep a message from it.
const told = 1 << 2

// allows says whether sub's client gets messages of topic. The verdict on the filter is remembered until
// the policy changes.
func (sub *subscription) allows(p *auth.Policy, topic string) bool {
	id := sub.client.identity.Load()
	cached := sub.verdict.Load()
	if cached == 0 || cached>>3 != p.Generation() {
		cached = p.Generation()<<3 | uint64(p.CanSubscribe(id, sub.topics())) + 1
		sub.verdict.Store(cached)
	}
	switch auth.Verdict(cached&3) - 1 {
	case auth.Allowed:
		return true
	case auth.PerTopic:
		return p.CanReceive(id, topic) || sub.spared(p, id, cached, topic)
	}
	return sub.spared(p, id, cached, topic)
}

// target is what one client gets of a message: one copy, at the highest QoS of its matching
// subscriptions and with all their identifiers. MQTT 5 §3.3.4. Or it is a group, of which one member
// gets one copy.
type target struct {
	client            *client
	group             *group // not nil: nothing else is set
	ids               []uint32
	qos               byte
	noLocal           bool // only noLocal subscriptions match
	retainAsPublished bool
}

// targets matches a topic name. What it returns takes room's place, if that is large enough.
func (s *Server) targets(name string, room []target) []target {
	var few [16][]*subscription
	lists := s.index.Match(name, few[:0])
	n := 0
	for _, l := range lists {
		n += len(l)
	}
	if n == 0 {
		return room[:0]
	}
	policy := s.auth.Policy()
	merged := newMerger(n, len(lists), room)
	for _, l := range lists {
		for _, sub := range l {
			if sub.client == nil {
				merged.add(target{group: sub.share.group})
				continue
			}
			if !sub.allows(policy, name) {
				continue
			}
			if at := merged.find(sub.client); at >= 0 {
				merged.targets[at].merge(sub)
				continue
			}
			merged.add(sub.target())
		}
	}
	return merged.targets
}

// fewTargets are looked through one by one; for more a map pays.
const fewTargets = 16

// merger gathers targets, of which each client is one.
type merger struct {
	targets  []target
	distinct bool            // no client comes twice
	position map[*client]int // in targets; nil: there are few
}

// newMerger is for n subscriptions in so many lists, in each of which a client is once at most.
func newMerger(n, lists int, room []target) *merger {
	if cap(room) < n {
		room = make([]target, 0, n)
	}
	m := &merger{targets: room[:0], distinct: lists == 1}
	if !m.distinct && n > fewTargets {
		m.position = make(map[*client]int, n)
	}
	return m
}

// find is where a client is in the targets; -1: nowhere.
func (m *merger) find(cl *client) int {
	if m.position != nil {
		if at, known := m.position[cl]; known {
			return at
		}
		return -1
	}
	if m.distinct {
		return -1
	}
	for i := range m.targets {
		if m.targets[i].client == cl {
			return i
		}
	}
	return -1
}

// add adds a target that is not there.
func (m *merger) add(t target) {
	if m.position != nil {
		m.position[t.client] = len(m.targets)
	}
	m.targets = append(m.targets, t)
}

func (sub *subscription) target() target {
	t := target{client: sub.client, qos: sub.qos, noLocal: sub.noLocal, retainAsPublished: sub.retainAsPublished}
	if sub.id != 0 {
		t.ids = []uint32{sub.id} // [MQTT-3.3.4-3]
	}
	return t
}

// merge adds another matching subscription of the same client. [MQTT-3.3.4-2] [MQTT-3.3.4-4]
func (t *target) merge(sub *subscription) {
	t.qos = max(t.qos, sub.qos)
	t.noLocal = t.noLocal && sub.noLocal
	t.retainAsPublished = t.retainAsPublished || sub.retainAsPublished
	if sub.id != 0 {
		t.ids = append(t.ids, sub.id)
	}
}
