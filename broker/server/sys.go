package server

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/metrics"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// sysRoot is the first level of what it publishes. MQTT 5 §4.7.2.
const sysRoot = "$SYS"

// sysTopics publishes the broker's own figures to those who have subscribed to them, at QoS 0: they are not stored,
// they do not wait for a client that is away, and the next interval brings newer ones. A new subscription gets what
// there is at once, as retained messages would be, though none is kept. While nobody subscribes, there is only the
// sample for the load averages. A nil sysTopics does nothing.
type sysTopics struct {
	srv   *Server
	every time.Duration
	names []string // of all topics

	mu      sync.Mutex // before all other locks
	tree    metrics.Sys
	sampled time.Time
	told    []metrics.SysValue // what subscribers know, in the order of names; nil: nobody has been told anything
}

func newSysTopics(s *Server) *sysTopics {
	y := &sysTopics{srv: s, every: time.Duration(s.cfg.MQTT.SysTopics.IntervalSeconds) * time.Second, sampled: s.started}
	for _, v := range y.tree.Values(new(metrics.Snapshot)) {
		y.names = append(y.names, v.Topic)
	}
	return y
}

// run publishes at every interval until ctx is done.
func (y *sysTopics) run(ctx context.Context) {
	if y == nil {
		return
	}
	ticker := time.NewTicker(y.every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			y.tick()
		case <-ctx.Done():
			return
		}
	}
}

// tick samples, and publishes what has changed since subscribers were told.
func (y *sysTopics) tick() {
	y.mu.Lock()
	defer y.mu.Unlock()
	snapshot := y.srv.Metrics()
	now := y.srv.now()
	y.tree.Sample(&snapshot, now.Sub(y.sampled))
	y.sampled = now
	b := y.srv.newBatch(now)
	defer b.end()
	var values []metrics.SysValue
	for i, name := range y.names {
		targets := y.srv.targets(name, nil)
		if len(targets) == 0 {
			continue
		}
		if values == nil {
			values = y.tree.Values(&snapshot)
		}
		if y.told == nil || y.told[i] != values[i] {
			b.out.Reset(sysMessage(values[i]), true, b.now)
			y.srv.publish(b, targets, nil, nil)
		}
	}
	y.told = values
}

// feed sends what there is to new subscriptions.
func (y *sysTopics) feed(c *conn, subs []*subscription) {
	if y == nil {
		return
	}
	for _, sub := range subs {
		if strings.HasPrefix(sub.filter, sysRoot) {
			y.feedOne(c, sub)
		}
	}
}

func (y *sysTopics) feedOne(c *conn, sub *subscription) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.told == nil {
		snapshot := y.srv.Metrics()
		y.told = y.tree.Values(&snapshot)
	}
	policy := y.srv.auth.Policy()
	d := session.Delivery{Retain: *y.srv.cfg.MQTT.RetainAvailable} // [MQTT-3.3.1-8]
	if sub.id != 0 {
		d.SubscriptionIDs = []uint32{sub.id}
	}
	for _, v := range y.told {
		if topic.Match(sub.filter, v.Topic) && sub.allows(policy, v.Topic) {
			c.batch.out.Reset(sysMessage(v), true, c.batch.now)
			y.srv.journal.deliver(c.batch, sub.client, &d, false)
		}
	}
}

// sysMessage is a value as a message of QoS 0.
func sysMessage(v metrics.SysValue) *message.Message {
	return &message.Message{Topic: v.Topic, Payload: []byte(v.Text)}
}
