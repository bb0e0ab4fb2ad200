package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/session"
)

// drain is a connection that takes everything at once.
type drain struct {
	sess *session.Session
	segs []session.Segment
}

func (d *drain) Flush() {
	if !d.sess.Begin(d) {
		return
	}
	for ok := true; ok; {
		d.segs, ok = d.sess.Take(d, time.Now, d.segs[:0])
		for i := range d.segs {
			d.segs[i].Recycle()
		}
	}
}

func (d *drain) Load() {}

// grouped is a server with a group of n members that are connected, and the targets of its topic.
func grouped(t testing.TB, n int) (*Server, []target) {
	t.Helper()
	s, err := New(config.Config{
		Listeners: []config.Listener{{
			ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: 1883},
		}},
		Authentication: config.Authentication{AllowAnonymous: true},
		Authorization:  config.Authorization{DefaultPolicy: config.PolicyAllow},
	}, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if s.auth, err = auth.Open(s.cfg, s.log); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		cl := s.clients.get(s, fmt.Sprint("member ", i))
		cl.identity.Store(auth.Recall(cl.id, "", true))
		cl.live.Store(new(conn))
		sub := &subscription{client: cl, filter: "$share/g/t", share: newMembership("$share/g/t", 0)}
		cl.subs.set(sub)
		s.enlist(sub, nil)
		cl.sess.Attach(session.Attachment{Sink: &drain{sess: cl.sess}, Version: packet.V5}, packet.AppendPingresp(nil))
	}
	s.shares.tasks.wait()
	return s, s.targets("t", nil)
}

// TestSharedAllocates: a QoS 0 message for a group costs no memory, and the index has one entry however many members there are.
func TestSharedAllocates(t *testing.T) {
	s, targets := grouped(t, 100)
	if len(targets) != 1 || s.index.Len() != 1 {
		t.Fatalf("%d targets and %d entries", len(targets), s.index.Len())
	}
	b := s.newBatch(time.Now())
	msg := message.Message{Topic: "t", Payload: make([]byte, 64)}
	if n := testing.AllocsPerRun(100, func() { publishMany(s, b, &msg, targets, 1000) }); n >= 1000 {
		t.Errorf("%.0f allocations for 1000 messages", n)
	}
}

// publishMany publishes n messages and then flushes, which allocates a little for each member.
func publishMany(s *Server, b *batch, msg *message.Message, targets []target, n int) {
	for range n {
		b.out.Reset(msg, false, b.now)
		s.publish(b, targets, nil, nil)
	}
	for _, sink := range b.dirty {
		sink.Flush()
	}
	b.dirty = b.dirty[:0]
}

// BenchmarkShared is a QoS 0 message to one of so many members.
func BenchmarkShared(b *testing.B) {
	for _, members := range []int{1, 10, 1000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			s, targets := grouped(b, members)
			bt := s.newBatch(time.Now())
			msg := message.Message{Topic: "t", Payload: make([]byte, 64)}
			b.ReportAllocs()
			const batch = 1000
			for range b.N/batch + 1 {
				publishMany(s, bt, &msg, targets, batch)
			}
		})
	}
}
