package server

import (
	"strconv"
	"sync/atomic"
	"unsafe"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// subscription is one filter of one client. Immutable but for verdict; the index holds it.
type subscription struct {
	client            *client
	filter            string
	id                uint32 // subscription identifier; 0: none
	qos               byte
	noLocal           bool
	retainAsPublished bool
	verdict           atomic.Uint64 // policy generation << 2 | auth.Verdict + 1; 0: not asked yet
	share             *membership   // nil: it is not shared; without a client it stands for a group
}

// allows says whether sub's client may receive topic. The verdict on the filter is remembered until
// the policy changes.
func (sub *subscription) allows(p *auth.Policy, topic string) bool {
	id := sub.client.identity.Load()
	cached := sub.verdict.Load()
	if cached == 0 || cached>>2 != p.Generation() {
		cached = p.Generation()<<2 | uint64(p.CanSubscribe(id, sub.topics())) + 1
		sub.verdict.Store(cached)
	}
	switch auth.Verdict(cached&3) - 1 {
	case auth.Allowed:
		return true
	case auth.PerTopic:
		return p.CanReceive(id, topic)
	}
	return false
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

// targets matches a topic name.
func (s *Server) targets(name string) []target {
	var room [16][]*subscription
	lists := s.index.Match(name, room[:0])
	n := 0
	for _, l := range lists {
		n += len(l)
	}
	if n == 0 {
		return nil
	}
	policy := s.auth.Policy()
	merged := newMerger(n, len(lists))
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
func newMerger(n, lists int) *merger {
	m := &merger{targets: make([]target, 0, n), distinct: lists == 1}
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

// What bounds the topics that one connection remembers: their number, and the bytes that their names and targets take.
const (
	maxRoutes     = 1024
	maxRouteBytes = 1 << 20
)

// routes remembers, for the topics that a connection publishes to, whether it may and who gets it.
// It is one goroutine's.
type routes struct {
	last    *route
	known   map[string]*route
	bytes   int      // that those take
	aliases []*route // what topic alias 1 and so on stand for; nil: nothing yet
}

// route is valid while neither the index nor the policy has changed.
type route struct {
	topic   string
	index   uint64
	policy  uint64
	allowed bool
	targets []target
}

// find returns the route of a PUBLISH's topic as it is now. The topic is given by its name or by an
// alias that an earlier PUBLISH of the connection has given a name. [MQTT-3.3.2-12]
func (r *routes) find(s *Server, id *auth.Identity, p *packet.Publish) (*route, error) {
	if len(p.Topic) == 0 {
		if r.last = r.aliased(p.Alias); r.last == nil {
			return nil, &packet.Error{
				Reason: packet.ProtocolError, Clause: "MQTT 5 §3.3.2.3.4",
				Detail: "topic alias " + strconv.Itoa(int(p.Alias)) + " stands for no topic on this connection",
			}
		}
	} else if r.last == nil || r.last.topic != string(p.Topic) {
		r.last = r.known[string(p.Topic)]
	}
	policy := s.auth.Policy()
	if r.last == nil || r.last.index != s.index.Generation() || r.last.policy != policy.Generation() {
		r.renew(s, policy, id, p.Topic)
	}
	if p.Alias != 0 && len(p.Topic) > 0 {
		r.setAlias(p.Alias)
	}
	return r.last, nil
}

// renew makes the last route, of name if there is none, as it is now.
func (r *routes) renew(s *Server, policy *auth.Policy, id *auth.Identity, name []byte) {
	found := r.last
	if found == nil {
		found = &route{topic: string(name)}
		r.last = found
	}
	before := found.size()
	// The generations are read first: a change during the match makes the route stale, not wrong.
	found.index, found.policy, found.targets = s.index.Generation(), policy.Generation(), nil
	if found.allowed = !isSys(found.topic) && policy.CanPublish(id, found.topic); found.allowed {
		found.targets = s.targets(found.topic)
	}
	r.remember(found, before)
}

// size is about what a route takes, in bytes.
func (r *route) size() int { return len(r.topic) + len(r.targets)*int(unsafe.Sizeof(target{})) }

// remember keeps a route that took so many bytes before it was renewed. Where there are too many, the others are forgotten.
func (r *routes) remember(found *route, before int) {
	switch old := r.known[found.topic]; {
	case old == found:
		r.bytes -= before
	case old != nil: // found has lived on with its alias
		r.bytes -= old.size()
	case len(r.known) >= maxRoutes:
		r.known = nil
	}
	if r.bytes += found.size(); r.known == nil || r.bytes > maxRouteBytes {
		r.known, r.bytes = make(map[string]*route), found.size()
	}
	r.known[found.topic] = found
}

// aliased is the route that a topic alias stands for; nil: none.
func (r *routes) aliased(alias uint16) *route {
	if int(alias) > len(r.aliases) {
		return nil
	}
	return r.aliases[alias-1]
}

// setAlias has a topic alias, which is within the maximum, stand for the last route. The route stays
// with it, whatever else is forgotten.
func (r *routes) setAlias(alias uint16) {
	for len(r.aliases) < int(alias) {
		r.aliases = append(r.aliases, nil)
	}
	r.aliases[alias-1] = r.last
}
