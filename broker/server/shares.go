package server

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// group is a shared subscription: each message that its filter matches goes to one member. However
// many members it has it is one entry of the index, and a member that comes or goes makes no route
// stale. MQTT 5 §4.8.2.
type group struct {
	filter  string        // $share/{ShareName}/{topics}
	topics  string        // what it matches
	entry   *subscription // stands for it in the index
	members atomic.Pointer[members]
	turn    atomic.Uint64 // counts deliveries, for round robin
	due     bool          // guarded by the mover: its rebalancing is an errand
}

// members are those of a group. They are replaced, never changed.
type members struct {
	online []*subscription
	away   []*subscription // of sessions whose clients are not connected
}

// membership is what only a shared subscription has. It stands in the subscription of each member,
// and with nothing but the group in the one that stands for that in the index.
type membership struct {
	group *group
	ids   []uint32    // the member's subscription identifier, if it has one
	gone  atomic.Bool // it was given up, or replaced
}

// shares are all groups, and the mover of their messages.
type shares struct {
	srv  *Server
	more atomic.Int64 // members, minus groups

	mu     sync.Mutex        // guards what follows and changes of members; locks inside it: those of the index and the mover
	groups map[string]*group // by filter

	mover
}

func (s *shares) init(srv *Server) {
	s.srv = srv
	s.groups = make(map[string]*group)
	s.starving, s.recalled = make(map[*group]struct{}), make(map[recalled]struct{})
}

// members is how many subscriptions there are in all groups.
func (s *shares) members() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.more.Load() + int64(len(s.groups))
}

// newMembership is that of a subscription to a filter; nil: it is not shared.
func newMembership(filter string, id uint32) *membership {
	if _, _, shared, err := topic.ParseShare(filter); err != nil || !shared {
		return nil
	}
	m := new(membership)
	if id != 0 {
		m.ids = []uint32{id} // [MQTT-3.3.4-3]
	}
	return m
}

// enlist makes messages find sub, which replaces old; nil: it is new. cl.mu is held, unless nobody
// knows the client yet.
func (s *Server) enlist(sub, old *subscription) {
	if sub.share != nil {
		sub.client.sharing.Store(true)
		s.shares.join(sub, old)
		return
	}
	if old != nil {
		s.index.Replace(sub.filter, old, sub) // no message finds neither, or both
		return
	}
	s.index.Add(sub.filter, sub)
}

// delist undoes that: messages do not find sub any more. cl.mu is held.
func (s *Server) delist(sub *subscription) {
	if sub.share != nil {
		s.shares.leave(sub)
		return
	}
	s.index.Remove(sub.filter, sub) // [MQTT-3.10.4-2]
}

// join makes sub a member of its group, in place of old.
func (s *shares) join(sub, old *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.groups[sub.filter]
	if g == nil {
		_, topics, _, _ := topic.ParseShare(sub.filter) // checked before
		g = &group{filter: sub.filter, topics: topics}
		g.entry = &subscription{share: &membership{group: g}}
		g.members.Store(&members{})
		s.groups[g.filter] = g
		s.more.Add(-1)
	}
	sub.share.group = g
	m := g.members.Load().without(old)
	if old == nil {
		s.more.Add(1)
	} else {
		old.share.gone.Store(true)
	}
	g.members.Store(m.with(sub, sub.client.live.Load() != nil))
	if len(m.online)+len(m.away) == 0 {
		s.srv.index.Add(g.topics, g.entry)
	}
	if sub.client.live.Load() != nil {
		s.rebalance(g)
	}
}

// leave takes sub out of its group. What it has got and not sent is for others then: the caller
// sees to that.
func (s *shares) leave(sub *subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := sub.share.group
	sub.share.gone.Store(true)
	m := g.members.Load().without(sub)
	g.members.Store(m)
	s.more.Add(-1)
	if len(m.online)+len(m.away) == 0 {
		s.srv.index.Remove(g.topics, g.entry)
		delete(s.groups, g.filter)
		s.more.Add(1)
		s.rebalance(g) // so that it does not starve any more
	}
}

// present says of a client's memberships whether it is connected now. Messages that wait at members who
// are away go to those who are there. cl.mu is held.
func (s *shares) present(cl *client, online bool) {
	if !cl.sharing.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range cl.subs {
		if sub.share == nil {
			continue
		}
		g := sub.share.group
		g.members.Store(g.members.Load().without(sub).with(sub, online))
		s.rebalance(g)
	}
}

// byFilter is the group of a filter; nil: it has no members.
func (s *shares) byFilter(filter string) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groups[filter]
}

// with is m and sub. What append writes is beyond what any reader of m sees, and only the newest m is
// added to.
func (m *members) with(sub *subscription, online bool) *members {
	if online {
		return &members{append(m.online, sub), m.away}
	}
	return &members{m.online, append(m.away, sub)}
}

// without is m without sub, which may be nil or not there.
func (m *members) without(sub *subscription) *members {
	if i := slices.Index(m.online, sub); i >= 0 {
		return &members{without(m.online, i), m.away}
	}
	if i := slices.Index(m.away, sub); i >= 0 {
		return &members{m.online, without(m.away, i)}
	}
	return m
}

func without(list []*subscription, i int) []*subscription {
	return append(append(make([]*subscription, 0, len(list)), list[:i]...), list[i+1:]...)
}
