package server

import (
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// subscribe handles SUBSCRIBE: each filter is granted or refused by itself. [MQTT-3.8.4-6]
func (c *conn) subscribe(body []byte) error {
	var p packet.Subscribe
	if err := p.Parse(body, c.peer.version); err != nil {
		return err
	}
	answer := packet.Suback{PacketID: p.PacketID, Reasons: make([]packet.ReasonCode, len(p.Filters))}
	subs := make([]*subscription, len(p.Filters))
	for i := range p.Filters {
		if i >= int(c.srv.cfg.MQTT.MaxFiltersPerSubscribe) {
			answer.Reasons[i] = packet.QuotaExceeded
			continue
		}
		subs[i], answer.Reasons[i] = c.newSubscription(&p.Filters[i], p.SubscriptionID)
	}
	cl := c.client
	var granted, fed []*subscription
	cl.mu.Lock()
	for i, sub := range subs {
		if sub == nil {
			continue
		}
		var fresh bool
		if fresh, answer.Reasons[i] = cl.addLocked(sub); answer.Reasons[i].Failed() {
			continue
		}
		granted = append(granted, sub)
		if sub.share == nil && wantsRetained(&p.Filters[i], fresh) { // MQTT 5 §4.8.2
			fed = append(fed, sub)
		}
	}
	cl.mu.Unlock()
	c.addFeeds(fed)
	c.journaled(c.suback(&answer, p.Filters), c.srv.journal.subscribed(cl, granted))
	return nil
}

// newSubscription checks one filter; nil: it is refused for the reason.
func (c *conn) newSubscription(f *packet.Filter, id uint32) (*subscription, packet.ReasonCode) {
	m := &c.srv.cfg.MQTT
	_, topics, shared, err := topic.ParseShare(f.Filter)
	policy := c.srv.auth.Policy()
	switch {
	case err != nil || len(f.Filter) > int(m.MaxTopicLengthBytes) || topic.ValidFilter(f.Filter, int(m.MaxTopicLevels)) != nil:
		return nil, packet.TopicFilterInvalid
	case shared && !*m.SharedSubscriptionAvailable:
		return nil, packet.SharedSubscriptionsNotSupported
	case !*m.WildcardSubscriptionAvailable && strings.ContainsAny(f.Filter, "+#"):
		return nil, packet.WildcardSubscriptionsNotSupported
	case policy.CanSubscribe(c.identity, topics) != auth.Denied:
	case policy.Lenient(c.identity):
		c.srv.tellAudited(c.client, c.identity, deniedSubscribe, f.Filter, topics)
	default:
		c.tellDenied(deniedSubscribe, f.Filter, topics)
		return nil, packet.NotAuthorized
	}
	return &subscription{
		client: c.client, filter: f.Filter, id: id, qos: min(f.QoS, byte(*m.MaxQoS)),
		noLocal: f.NoLocal, retainAsPublished: f.RetainAsPublished, share: newMembership(f.Filter, id),
	}, packet.Success
}

// addLocked puts sub in place of an older subscription with the same filter. [MQTT-3.8.4-3]
func (cl *client) addLocked(sub *subscription) (fresh bool, reason packet.ReasonCode) {
	if cl.subs.get(sub.filter) == nil && len(cl.subs) >= int(cl.srv.cfg.MQTT.MaxSubscriptionsPerSession) {
		return false, packet.QuotaExceeded
	}
	old := cl.subs.set(sub)
	cl.srv.enlist(sub, old)
	return old == nil, packet.ReasonCode(sub.qos)
}

// subscription is the session's to a filter; nil: there is none.
func (cl *client) subscription(filter string) *subscription {
	cl.mu.Lock()
	defer cl.mu.Unlock()
	return cl.subs.get(filter)
}

// unsubscribe handles UNSUBSCRIBE.
func (c *conn) unsubscribe(body []byte) error {
	var p packet.Unsubscribe
	if err := p.Parse(body, c.peer.version); err != nil {
		return err
	}
	answer := packet.Unsuback{PacketID: p.PacketID, Reasons: make([]packet.ReasonCode, len(p.Filters))}
	cl := c.client
	cl.mu.Lock()
	for i, filter := range p.Filters {
		sub := cl.subs.remove(filter)
		if sub == nil {
			answer.Reasons[i] = packet.NoSubscriptionExisted
			continue
		}
		cl.srv.delist(sub)
		c.feeds.drop(filter)
		if sub.share != nil && cl.hasShared(sub.share.group) { // what is on its way is recalled when it comes
			cl.srv.shares.recall(sub)
		}
	}
	cl.mu.Unlock()
	c.journaled(answer.Append(nil, c.peer.version), c.srv.journal.unsubscribed(cl, p.Filters))
	return nil
}

// journaled sends an answer once what it promises is stored. wait calls back when it is; nil: it needs no storing.
func (c *conn) journaled(answer []byte, wait stored) {
	if wait == nil {
		c.batch.replies = append(c.batch.replies, answer...)
		return
	}
	wait(func(b *batch, err error) {
		if err != nil {
			c.kick(&packet.Error{Reason: packet.ImplementationSpecificError, Clause: "MQTT 5 §3.14.2.1", Detail: "the session cannot be stored"})
			return
		}
		b.send(c, answer)
	})
}
