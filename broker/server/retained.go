package server

import (
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// feedBatch is how many retained messages are looked up at a time.
const feedBatch = 64

// wantsRetained is Retain Handling. [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]
func wantsRetained(f *packet.Filter, fresh bool) bool {
	return f.RetainHandling == 0 || f.RetainHandling == 1 && fresh
}

func (c *conn) addFeeds(subs []*subscription) {
	c.srv.sys.feed(c, subs)
	if len(subs) == 0 || c.srv.store.RetainedCount() == 0 {
		return
	}
	for _, sub := range subs {
		if f := (&feed{filter: sub.filter}); !c.feedAtOnce(f) {
			c.feeds.add(f)
		}
	}
	c.feed()
}

// feedAtOnce sends what there is if that is little, and says whether it was all: before SUBACK, so
// that a message published after it does not come as a retained one as well.
func (c *conn) feedAtOnce(f *feed) bool {
	if _, messages := c.backlog(); messages > 0 || !c.feeds.none() {
		return false
	}
	var storing sync.WaitGroup // waited for by nobody: it is little
	return c.feedSome(c.batch, f, &storing)
}

// feed goes on with the retained messages if there are any to send and nobody does so already. It
// is called when one is added and whenever the outbox has become empty.
func (c *conn) feed() {
	c.feeds.mu.Lock()
	defer c.feeds.mu.Unlock()
	if c.feeds.queue == nil || c.feeds.running {
		return
	}
	c.feeds.running = true
	c.started.start(c.runFeeds)
}

func (c *conn) runFeeds() {
	for {
		f := c.nextFeed()
		if f == nil {
			return
		}
		b := c.srv.newBatch(c.srv.now())
		var storing sync.WaitGroup
		last := c.feedSome(b, f, &storing)
		b.end()
		storing.Wait() // so that what waits for the disk is bounded too
		if last {
			c.feeds.done(f)
		}
	}
}

// nextFeed is the feed to go on with; nil: none, or the client has to read first. The outbox is
// looked at under the lock under which its being empty is reported, so that no report is missed.
func (c *conn) nextFeed() *feed {
	c.feeds.mu.Lock()
	defer c.feeds.mu.Unlock()
	bytes, messages := c.backlog()
	f := c.feeds.first()
	if f == nil || bytes > c.srv.limits.MaxOutbound/2 || messages > 0 || c.kicked.Load() != nil || !c.sess.AttachedTo(c) {
		c.feeds.running = false
		return nil
	}
	return f
}

// backlog is the bytes that wait for the socket and the messages that wait for room.
func (c *conn) backlog() (bytes, messages int) {
	bytes, messages = c.sess.Backlog()
	if c.client.logged.Load() {
		messages = c.client.waiting()
	}
	return bytes, messages
}

// feedSome sends the next few, as far as the outbox has room, and says whether those were the last. It goes on where
// another subscription has taken the feed's place, which has its own feed: each SUBSCRIBE has all sent. [MQTT-3.8.4-3]
func (c *conn) feedSome(b *batch, f *feed, storing *sync.WaitGroup) (last bool) {
	var room [feedBatch]store.Retained
	found, last, err := c.srv.store.Retained(f.filter, f.after, feedBatch, room[:0])
	if err != nil {
		c.srv.log.Error("retained messages not read", "topic", f.filter, "reason", err.Error())
		return true
	}
	sub := c.client.subscription(f.filter)
	if sub == nil {
		return true // unsubscribed since
	}
	policy := c.srv.auth.Policy()
	for i := range found {
		if bytes, messages := c.sess.Backlog(); bytes > c.srv.limits.MaxOutbound/2 || messages > 0 {
			return false // the client reads first: else QoS 0 messages would be dropped, and others pile up
		}
		if !c.feeds.pass(f, found[i].Topic) {
			return false
		}
		b.msg.Topic = found[i].Topic // and the publisher of the one before
		if err := message.ParseLike(found[i].Record, &b.msg, &b.msg); err != nil {
			c.srv.log.Error("retained message skipped", "topic", found[i].Topic, "reason", err.Error())
			continue
		}
		msg := &b.msg
		if msg.Expired(b.now) || sub.noLocal && msg.Publisher == c.client.id || !sub.allows(policy, msg.Topic) {
			continue
		}
		d := session.Delivery{QoS: sub.qos, Retain: true, Force: true} // [MQTT-3.3.1-8]
		if sub.id != 0 {
			d.SubscriptionIDs = []uint32{sub.id}
		}
		kept := min(d.QoS, msg.QoS) > 0 || len(msg.Payload) >= session.ByReference
		if kept { // with the memory of the record, which nobody changes
			own := b.msg
			msg = &own
		}
		b.out.Reset(msg, kept, b.now)
		counted := c.client.logged.Load() && min(d.QoS, msg.QoS) > 0
		if counted {
			c.client.take(msg.Size())
		}
		c.srv.journal.deliver(b, c.client, &d, counted)
		if len(b.stored) > 0 {
			w := &write{then: func(*batch, error) { storing.Done() }}
			w.addMessage(b)
			storing.Add(1)
			c.srv.journal.write(w)
		}
	}
	return last
}
