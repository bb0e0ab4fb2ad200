package server_test

import (
	"fmt"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// leaveWill has a client go that leaves a retained will on will/ID behind.
func leaveWill(t *testing.T, b *broker, id string, clean bool, v packet.Version) {
	t.Helper()
	p := hello(id, clean, v)
	p.Will = &packet.Will{Topic: "will/" + id, Payload: []byte("gone"), QoS: 1, Retain: true}
	mqtttest.Start(t, b.addr(), p).Close()
}

// takeRetained fails if a topic does not have that retained message.
func takeRetained(b *broker, topic, payload string) {
	b.t.Helper()
	c := b.connect("takes retained", true, packet.V5)
	s := packet.Subscribe{PacketID: c.ID(), Filters: []packet.Filter{filter(topic, 1)}}
	c.Send(s.Append(nil, packet.V5))
	c.Take(topic, payload)
}

// TestLateWill: a will that the store refuses reaches those who need it stored when the store works again, once; those who do not
// have it at once, and not twice.
func TestLateWill(t *testing.T) {
	for _, test := range []struct {
		name  string
		mode  int32
		clean bool
		want  bool
	}{
		{"full", full, false, true},
		{"full, of a session that has ended", full, true, true},
		{"failed", refused, false, true},
		{"failed, and there nevertheless", unproven, false, true},
		{"failed, of a session that has ended", refused, true, false}, // nobody can tell
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := durable(t)
			b, f := startFaulty(t, cfg)
			away(t, b, "watch", packet.V5, filter("will/#", 1))
			live := b.connect("live", true, packet.V5)
			live.Subscribe(filter("will/#", 1))
			c := hello("c", test.clean, packet.V5)
			c.Will = &packet.Will{Topic: "will/c", Payload: []byte("gone"), QoS: 1, Retain: true}
			client := mqtttest.Start(t, b.addr(), c)
			f.mode.Store(test.mode)
			client.Close()
			live.Take("will/c", "gone")
			if test.want {
				eventually(t, "the will waits", func() bool { return b.LateWills() == 1 })
			} else {
				eventually(t, "the will is lost, and counted", func() bool { return b.Metrics().Dropped["refused"] == 1 })
			}
			b.PublishLateWills() // it still waits
			f.mode.Store(works)
			b.PublishLateWills()
			if n := b.LateWills(); n != 0 {
				t.Errorf("%d wills wait", n)
			}
			b.connect("other", true, packet.V5).Say("will/last", "last", 1)
			live.Take("will/last", "last")
			b.stop()
			b = start(t, cfg)
			watch, _ := resume(t, b, "watch", packet.V5)
			if test.want {
				takeAll(t, watch, "gone", "last")
				takeRetained(b, "will/c", "gone")
			} else {
				takeAll(t, watch, "last")
			}
			watch.Quiet()
		})
	}
}

// TestLateWillOfWhoIsBack: what a will would say of a client that is back is not true any more.
func TestLateWillOfWhoIsBack(t *testing.T) {
	b, f := startFaulty(t, durable(t))
	away(t, b, "watch", packet.V5, filter("will/#", 1))
	f.mode.Store(full)
	leaveWill(t, b, "back", false, packet.V5)
	eventually(t, "the will waits", func() bool { return b.LateWills() == 1 })
	leaveWill(t, b, "stays", true, packet.V311)
	eventually(t, "the wills wait", func() bool { return b.LateWills() == 2 })
	resume(t, b, "back", packet.V5)
	if n := b.LateWills(); n != 1 {
		t.Errorf("%d wills wait", n)
	}
	f.mode.Store(works)
	b.connect("newer", true, packet.V5).Retain("will/stays", "newer")
	b.PublishLateWills()
	watch, _ := resume(t, b, "watch", packet.V5)
	takeAll(t, watch, "newer", "gone")
	watch.Quiet()
	takeRetained(b, "will/stays", "newer")
}

// TestLateWillsAreBounded: they are dropped, and counted, where they would take too much.
func TestLateWillsAreBounded(t *testing.T) {
	cfg := durable(t)
	b, f := startFaulty(t, cfg)
	away(t, b, "watch", packet.V5, filter("will/#", 1))
	f.mode.Store(full)
	const wills = 300
	for i := range wills {
		p := hello(fmt.Sprint("c", i), true, packet.V5)
		p.Will = &packet.Will{Topic: "will/large", Payload: make([]byte, 60_000), QoS: 1}
		mqtttest.Start(t, b.addr(), p).Close()
	}
	dropped := func() int { return int(b.Metrics().Dropped["refused"]) }
	eventually(t, "all have gone", func() bool { return b.LateWills()+dropped() == wills })
	if n := b.LateWills(); n < 16<<20/61_000 || n > 16<<20/60_000 {
		t.Errorf("%d wills of 60 kB wait", n)
	}
	f.mode.Store(works)
	b.PublishLateWills()
	eventually(t, "nothing is left", func() bool { return b.LateWills() == 0 })
	if held := int(b.Metrics().QueuedMessages); held != wills-dropped() {
		t.Errorf("%d wills are queued, %d were dropped", held, dropped())
	}
}
