package server

import (
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/session"
)

// topics is the filter of what sub matches.
func (sub *subscription) topics() string {
	if sub.share != nil {
		return sub.share.group.topics
	}
	return sub.filter
}

// delivery is how a member gets a message. [MQTT-4.8.2-3]
func (sub *subscription) delivery(msg *message.Message) session.Delivery {
	return session.Delivery{
		QoS: sub.qos, Retain: sub.retainAsPublished && msg.Retain, // [MQTT-3.3.1-12] [MQTT-3.3.1-13]
		SubscriptionIDs: sub.share.ids, Share: &sub.share.group.filter,
	}
}

// ease is how easily a member takes the batch's message.
func (sub *subscription) ease(b *batch, p *auth.Policy) session.Ease {
	msg := b.out.Message()
	if !sub.allows(p, msg.Topic) {
		return session.Never
	}
	d := sub.delivery(msg)
	return sub.client.sess.Ease(&b.out, &d, sub.client.backlog())
}

// backlog is what the log has for a client.
func (cl *client) backlog() session.Backlog {
	if !cl.logged.Load() {
		return session.Backlog{}
	}
	return session.Backlog{Messages: int(cl.quota.messages.Load()), Bytes: cl.quota.bytes.Load()}
}

// pick chooses the member that takes the batch's message most easily, but not less so than worst: who
// can be sent it at once; else a connected one; else one that is away; of those alike the first from
// turn on, for which passed others had to be passed over. nil: there is none.
func (g *group) pick(b *batch, p *auth.Policy, worst session.Ease, turn uint64) (best *subscription, ease session.Ease, passed uint64) {
	m := g.members.Load()
	ease = worst + 1
	enough := session.AtOnce
	for _, list := range [...][]*subscription{m.online, m.away} {
		n := uint64(len(list))
		for k := uint64(0); k < n && ease > enough; k++ {
			sub := list[(turn+k)%n]
			if e := sub.ease(b, p); e < ease {
				best, ease, passed = sub, e, k
			}
		}
		if ease <= session.Waits || worst < session.Absent || b.out.Message().QoS == 0 {
			break
		}
		enough = session.Absent
	}
	return best, ease, passed
}

// next is pick, in turn: who was passed over is not first again.
func (g *group) next(b *batch, p *auth.Policy, worst session.Ease) *subscription {
	sub, _, passed := g.pick(b, p, worst, g.turn.Add(1)-1)
	if passed > 0 {
		g.turn.Add(passed)
	}
	return sub
}

// full says whether there are members that the batch's message is for, and none has room for it.
func (s *Server) full(b *batch, g *group) bool {
	sub, ease, _ := g.pick(b, s.auth.Policy(), session.Full, g.turn.Load())
	return sub != nil && ease == session.Full
}

// share gives the batch's message to one member of a group, whom it may be as hard for as worst; false:
// there is none. What has to be stored first is put aside as journal.deliver does.
func (s *Server) share(b *batch, g *group, worst session.Ease) bool {
	policy := s.auth.Policy()
	for range 1 + len(g.members.Load().online) {
		sub := g.next(b, policy, worst)
		if sub == nil {
			return false
		}
		if s.give(b, sub) {
			return true
		}
		// It has gone in this moment.
	}
	return false
}

// give hands the batch's message to a member; false: it is not there any more.
func (s *Server) give(b *batch, sub *subscription) bool {
	cl, msg := sub.client, b.out.Message()
	d := sub.delivery(msg)
	d.Force = s.limits.Policy == session.Refuse // the publisher has not been told that there is no room, and will not be
	if s.journal == nil || min(d.QoS, msg.QoS) == 0 || !cl.logged.Load() {
		outcome, sink := cl.sess.Deliver(&b.out, &d)
		b.wake(sink)
		if outcome == session.Queued {
			s.shares.recall(sub)
		}
		return outcome != session.Away
	}
	if d.Force {
		cl.take(msg.Size())
	} else if !cl.reserve(msg.Size(), b.now) {
		return true // dropped, by the policy
	}
	t := b.putAside(cl, &d)
	t.member, t.to.Share = sub, sub.share.group.filter
	return true
}

// recall is called when a message has been left with a member: if that is not connected any more, or has
// given up the subscription, somebody else is to get it.
func (s *shares) recall(sub *subscription) {
	g := sub.share.group
	switch {
	case sub.share.gone.Load():
		s.takeBack(sub.client, g)
	case !sub.client.sess.Online() && len(g.members.Load().online) > 0:
		s.rebalance(g)
	}
}
