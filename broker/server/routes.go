package server

import (
	"hash/maphash"
	"strconv"
	"unsafe"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// What bounds the topics that one connection remembers: their number, and the bytes that their names and targets take.
const (
	maxRoutes     = 1024
	maxRouteBytes = 1 << 20
	fewRoutes     = 64 // up to so many are remembered at once
)

// routes remembers, for the topics that a connection publishes to, whether it may and who gets it.
// It is one goroutine's.
type routes struct {
	last    *route
	known   map[string]*route
	bytes   int      // that those take
	aliases []*route // what topic alias 1 and so on stand for; nil: nothing yet
	passing *route   // of a topic that is not remembered; nil: there was none
	seen    *sightings
}

// route is valid while neither the index nor the policy has changed.
type route struct {
	topic   string
	index   uint64
	policy  uint64
	allowed bool
	audited bool // allowed because the rules are not enforced
	told    bool // of that
	targets []target
}

// find returns the route of a PUBLISH's topic as it is now. The topic is given by its name or by an
// alias that an earlier PUBLISH of the connection has given a name. [MQTT-3.3.2-12]
func (r *routes) find(s *Server, id *auth.Identity, p *packet.Publish) (*route, error) {
	name := "" // of a topic that is not remembered
	if len(p.Topic) == 0 {
		if r.last = r.aliased(p.Alias); r.last == nil {
			return nil, &packet.Error{
				Reason: packet.ProtocolError, Clause: "MQTT 5 §3.3.2.3.4",
				Detail: "topic alias " + strconv.Itoa(int(p.Alias)) + " stands for no topic on this connection",
			}
		}
	} else if r.last == nil || r.last.topic != string(p.Topic) {
		if r.last = r.known[string(p.Topic)]; r.last == nil {
			name = string(p.Topic)
			if err := validName(name, &s.cfg.MQTT); err != nil {
				return nil, &packet.Error{Reason: packet.TopicNameInvalid, Clause: "MQTT-3.3.2-2", Detail: err.Error()}
			}
		}
	}
	policy := s.auth.Policy()
	if r.last == nil || r.last.index != s.index.Generation() || r.last.policy != policy.Generation() {
		r.renew(s, policy, id, name)
	}
	if p.Alias != 0 && len(p.Topic) > 0 {
		r.setAlias(p.Alias)
	}
	return r.last, nil
}

// renew makes the last route, of name if there is none, as it is now.
func (r *routes) renew(s *Server, policy *auth.Policy, id *auth.Identity, name string) {
	if r.last == nil {
		r.last = r.fresh(name)
	}
	found, before := r.last, r.last.size()
	var room []target
	if found == r.passing {
		room = found.targets
	}
	// The generations are read first: a change during the match makes the route stale, not wrong.
	found.index, found.policy, found.targets = s.index.Generation(), policy.Generation(), room[:0]
	found.allowed, found.audited, found.told = policy.CanPublish(id, found.topic), false, false
	if !found.allowed {
		found.audited = policy.Lenient(id)
	}
	if found.allowed = !topic.IsSys(found.topic) && (found.allowed || found.audited); found.allowed {
		found.targets = s.targets(found.topic, room)
	}
	if found != r.passing {
		r.remember(found, before)
	}
}

// fresh is a route for a topic that is not remembered, to be renewed. A client that publishes to more topics than a few has one
// remembered when it comes again: those that come once take no memory, and nobody's place.
func (r *routes) fresh(name string) *route {
	if len(r.known) < fewRoutes || r.sighted(name) {
		return &route{topic: name}
	}
	if r.passing == nil {
		r.passing = new(route)
	}
	if cap(r.passing.targets) > fewTargets {
		r.passing.targets = nil
	}
	r.passing.topic = name
	return r.passing
}

// sightings are hashes of topics that have come of late.
type sightings struct {
	slots [1024]uint32
	turn  uint8
}

var sightingSeed = maphash.MakeSeed()

// sighted says whether a topic has come of late. Of the others it takes every eighth for one that has, so that two whose hashes take
// turns in a slot are remembered, too.
func (r *routes) sighted(name string) bool {
	if r.seen == nil {
		r.seen = new(sightings)
	}
	h := maphash.String(sightingSeed, name)
	slot, tag := &r.seen.slots[h%uint64(len(r.seen.slots))], uint32(h>>32)
	if *slot == tag {
		return true
	}
	*slot = tag
	r.seen.turn++
	return r.seen.turn%8 == 0
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
	if r.last == r.passing {
		r.passing = nil
	}
	r.aliases[alias-1] = r.last
}
