package server_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// watched is a broker whose $SYS topics everybody may read, and write as far as rules go, by a clock.
func watched(t *testing.T, change func(*config.Config)) (*broker, *clock) {
	t.Helper()
	cfg := open(t)
	cfg.MQTT.SysTopics.IntervalSeconds = 3600 // the tests tick
	cfg.AuthFiles.ACLFile = write(t, t.TempDir(), "acl.json", `{"acls": [{"name": "all", "subjects": [{"kind": "Everyone"}],
		"rules": [{"effect": "Allow", "actions": ["Publish", "Subscribe"], "topics": ["#", "$SYS/#"]},
		          {"effect": "Deny", "actions": ["Subscribe"], "topics": ["$SYS/broker/heap/#"]}]}]}`)
	change(&cfg)
	c := new(clock)
	return startWith(t, cfg, server.Deps{Now: c.now, Version: "1.2.3"}, func(*server.Server) {}), c
}

func unchanged(*config.Config) {}

// figures reads messages until PINGRESP, by topic without $SYS/broker/; they must all have this RETAIN flag.
func figures(t *testing.T, c *mqtttest.Client, retain bool) map[string]string {
	t.Helper()
	c.Send(packet.AppendPingreq(nil))
	got := make(map[string]string)
	for {
		p := c.Packet()
		if p.Type == packet.TypePingresp {
			return got
		}
		name, ours := strings.CutPrefix(string(p.Publish.Topic), "$SYS/broker/")
		if p.Type != packet.TypePublish || !ours || p.Publish.Retain != retain || p.Publish.QoS != 0 {
			t.Fatalf("%v %s, RETAIN %v, QoS %d", p.Type, p.Publish.Topic, p.Publish.Retain, p.Publish.QoS)
		}
		got[name] = string(p.Publish.Payload)
	}
}

// subscribeSys subscribes at QoS 2 and returns what comes with it.
func subscribeSys(t *testing.T, c *mqtttest.Client, filters ...string) map[string]string {
	t.Helper()
	p := packet.Subscribe{PacketID: c.ID()}
	for _, f := range filters {
		p.Filters = append(p.Filters, filter(f, 2))
	}
	c.Send(p.Append(nil, packet.V5))
	got := make(map[string]string)
	for {
		switch next := c.Packet(); next.Type {
		case packet.TypePublish:
			if !next.Publish.Retain {
				t.Errorf("%s without RETAIN", next.Publish.Topic)
			}
			got[strings.TrimPrefix(string(next.Publish.Topic), "$SYS/broker/")] = string(next.Publish.Payload)
		case packet.TypeSuback:
			return got
		}
	}
}

// chosen is the entries of m with these names.
func chosen(m map[string]string, names ...string) map[string]string {
	out := make(map[string]string)
	for _, name := range names {
		if v, ok := m[name]; ok {
			out[name] = v
		}
	}
	return out
}

// TestSysTopics: a subscriber gets what there is at once, and after an interval what has changed.
func TestSysTopics(t *testing.T) {
	b, clock := watched(t, unchanged)
	other := b.connect("other", true, packet.V311)
	other.Subscribe(filter("room/+", 1))
	exchange(other, packet.Publish{Topic: []byte("room/1"), Payload: []byte("warm"), QoS: 1, Retain: true})
	b.connect("away", false, packet.V5).Disconnect(packet.Disconnect{})

	for _, id := range []string{"one", "two"} {
		b.connect(id, true, packet.V5).Subscribe(filter("$share/pool/job", 1))
	}
	watcher := b.connect("watcher", true, packet.V5)
	got := subscribeSys(t, watcher, "$SYS/#")
	want := map[string]string{
		"version": "dunlin version 1.2.3", "uptime": "0 seconds", "clients/total": "5", "clients/connected": "4",
		"clients/disconnected": "1", "clients/maximum": "4", "clients/expired": "0",
		"publish/messages/received": "1", "publish/messages/sent": "1", "publish/bytes/received": "4", "publish/bytes/sent": "4",
		"subscriptions/count": "4", "shared_subscriptions/count": "2", "retained messages/count": "1", "store/messages/count": "1",
	}
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	if diff := cmp.Diff(want, chosen(got, names...)); diff != "" {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
	if _, denied := got["heap/current"]; denied || len(got) != 51 {
		t.Errorf("%d figures came, and heap/current among them: %v", len(got), denied)
	}
	clock.advance(60)
	other.Say("nowhere", "", 0)
	b.SysTick()
	got = figures(t, watcher, false)
	want = map[string]string{"uptime": "60 seconds", "publish/messages/received": "2"}
	if diff := cmp.Diff(want, chosen(got, "version", "uptime", "clients/total", "publish/messages/received", "publish/bytes/received")); diff != "" {
		t.Errorf("after an interval (-want +got):\n%s", diff)
	}
	if got["load/connections/1min"] == "" || got["heap/current"] != "" {
		t.Errorf("load/connections/1min is %q, heap/current %q", got["load/connections/1min"], got["heap/current"])
	}
	watcher.Unsubscribe("$SYS/#")
	clock.advance(60)
	b.SysTick()
	watcher.Quiet()
	if got := subscribeSys(t, watcher, "$SYS/broker/uptime"); got["uptime"] != "120 seconds" || len(got) != 1 {
		t.Errorf("subscribed again: %v", got)
	}
}

// TestSysTopicsAreTheBrokers: nobody publishes there, whatever the rules say, and '#' does not see them.
func TestSysTopicsAreTheBrokers(t *testing.T) {
	b, _ := watched(t, unchanged)
	all := b.connect("all", true, packet.V5)
	all.Subscribe(filter("#", 0), filter("+/broker/uptime", 0))
	watcher := b.connect("watcher", true, packet.V5)
	watcher.Subscribe(filter("$SYS", 0), filter("$SYS/mine", 0), filter("$SYSTEM", 0))
	liar := hello("liar", true, packet.V5)
	liar.Will = &packet.Will{Topic: "$SYS/mine", Payload: []byte("will")}
	c := mqtttest.Start(t, b.addr(), liar)
	for _, topic := range []string{"$SYS", "$SYS/mine", "$SYS/broker/uptime"} {
		if got := c.Publish(text(topic, "lie", 1)); got != packet.NotAuthorized {
			t.Errorf("publish to %s: %v", topic, got)
		}
	}
	c.Publish(packet.Publish{Topic: []byte("$SYS/mine"), Payload: []byte("lie"), QoS: 1, Retain: true})
	c.Reset()
	eventually(t, "the liar is gone", func() bool { return b.Metrics().Connected == 2 })
	b.SysTick()
	all.Quiet()
	watcher.Quiet()
}

// TestSysTopicsForALateReader: a subscription that wants nothing retained, and one that a session had before, get
// all figures at the next interval.
func TestSysTopicsForALateReader(t *testing.T) {
	b, clock := watched(t, unchanged)
	c := b.connect("late", true, packet.V5)
	c.Subscribe(packet.Filter{Filter: "$SYS/broker/version", RetainHandling: 2})
	b.SysTick()
	c.ExpectMessage("$SYS/broker/version", "dunlin version 1.2.3")
	clock.advance(1)
	b.SysTick()
	c.Quiet() // no other version
}

// TestSysTopicsAreNotStored: a session that is away is not kept any.
func TestSysTopicsAreNotStored(t *testing.T) {
	b, clock := watched(t, func(cfg *config.Config) { cfg.Store.Dir = t.TempDir() })
	c := b.connect("away", false, packet.V5)
	subscribeSys(t, c, "$SYS/broker/uptime")
	c.Disconnect(packet.Disconnect{})
	clock.advance(10)
	b.SysTick()
	if m := b.Metrics(); m.QueuedMessages != 0 || m.Retained != 0 {
		t.Errorf("%d messages wait, %d are retained", m.QueuedMessages, m.Retained)
	}
	b.connect("away", false, packet.V5).Quiet()
}

// TestNoSysTopics: switched off there are none, and they are the broker's still.
func TestNoSysTopics(t *testing.T) {
	b, _ := watched(t, func(cfg *config.Config) { cfg.MQTT.SysTopics.Enabled = new(false) })
	c := b.connect("c", true, packet.V5)
	if got := subscribeSys(t, c, "$SYS/#"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if got := c.Publish(text("$SYS/mine", "x", 1)); got != packet.NotAuthorized {
		t.Errorf("publish: %v", got)
	}
}

// exchange publishes something that the client has subscribed to, and answers until both exchanges are done.
func exchange(c *mqtttest.Client, p packet.Publish) {
	id := c.SendPublish(p)
	for range []int{1, 2, 4}[p.QoS] {
		switch got := c.Packet(); got.Type {
		case packet.TypePublish:
			if p.QoS > 0 {
				c.Ack(packet.TypePuback+packet.Type(p.QoS-1), got.Publish.PacketID)
			}
		case packet.TypePubrec:
			c.Ack(packet.TypePubrel, id)
		case packet.TypePubrel:
			c.Ack(packet.TypePubcomp, got.Ack.PacketID)
		}
	}
}

// TestTraffic: what goes each way is counted by type, whatever path it takes.
func TestTraffic(t *testing.T) {
	b := run(t, open(t))
	c := b.connect("c", false, packet.V5)
	c.Subscribe(filter("t/#", 2))
	for qos := range byte(3) {
		exchange(c, text("t/x", "12345", qos))
	}
	c.Unsubscribe("t/#")
	c.Quiet()
	c.Disconnect(packet.Disconnect{})
	refused := mqtttest.Dial(t, b.addr())
	refused.Send([]byte{0x10, 0x0d, 0, 4, 'M', 'Q', 'T', 'T', 5, 1, 0, 0, 0, 0, 0}) // a reserved flag
	refused.Expect(packet.TypeConnack)
	refused.ExpectEnd()
	want := map[string]uint64{"connect": 2, "subscribe": 1, "publish": 3, "puback": 1, "pubrec": 1, "pubrel": 1, "pubcomp": 1, "unsubscribe": 1,
		"pingreq": 1, "disconnect": 1, "auth": 0}
	eventually(t, "the connections are gone", func() bool { return b.Metrics().Connected == 0 })
	m := b.Metrics()
	if diff := cmp.Diff(want, m.Received.Packets); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
	want = map[string]uint64{"connack": 2, "suback": 1, "publish": 3, "puback": 1, "pubrec": 1, "pubrel": 1, "pubcomp": 1, "unsuback": 1,
		"pingresp": 1, "disconnect": 0, "auth": 0}
	if diff := cmp.Diff(want, m.Sent.Packets); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if m.Received.PayloadBytes != 15 || m.Sent.PayloadBytes != 15 || m.Received.Bytes < 100 || m.Sent.Bytes < 90 {
		t.Errorf("received %d bytes, %d of payloads; sent %d, %d", m.Received.Bytes, m.Received.PayloadBytes, m.Sent.Bytes, m.Sent.PayloadBytes)
	}
	if m.Sockets != 2 || m.ConnectedMaximum != 1 {
		t.Errorf("%d connections accepted, %d sessions connected at most", m.Sockets, m.ConnectedMaximum)
	}
}
