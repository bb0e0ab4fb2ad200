package server

import (
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/session"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// TestTakeBackOnce: a client that gives up a shared subscription again and again is one errand, until that is begun.
func TestTakeBackOnce(t *testing.T) {
	var s shares
	s.init(new(Server))
	s.running = true // as if the mover were busy
	cl, g := new(client), new(group)
	for range 3 {
		s.takeBack(cl, g)
		s.takeBack(new(client), g)
	}
	if len(s.errands) != 4 || len(s.recalled) != 4 {
		t.Errorf("%d errands, %d recalled", len(s.errands), len(s.recalled))
	}
}

type deaf struct{}

func (deaf) Flush() {}
func (deaf) Load()  {}

// TestGiveRefuses: a member that has become full since it was chosen gets the message nevertheless where publishers are told
// that there is no room, for this one has not been.
func TestGiveRefuses(t *testing.T) {
	for policy, want := range map[session.Policy]int{session.Refuse: 2, session.DropNewest: 1} {
		s := &Server{limits: session.Limits{MaxInflight: 1, MaxQueued: 1, MaxQueuedBytes: 1 << 20, MaxOutbound: 1 << 20, Policy: policy}}
		s.shares.init(s)
		sub := &subscription{client: &client{sess: session.New("c", &s.limits)}, qos: 1, share: &membership{group: &group{filter: "$share/g/t"}}}
		sub.client.sess.Attach(session.Attachment{Sink: deaf{}, Durable: true}, nil)
		b := new(batch)
		b.out.Reset(&message.Message{Topic: "t", QoS: 1}, true, 0)
		for range 3 { // the first is sent
			s.give(b, sub)
		}
		if _, queued := sub.client.sess.Pending(); queued != want {
			t.Errorf("policy %d: %d wait, and not %d", policy, queued, want)
		}
	}
}

// TestStarvingGroupGoes: a group whose connected members have no room is forgotten with its last member.
func TestStarvingGroupGoes(t *testing.T) {
	s := &Server{index: topic.NewFilters[*subscription]()}
	s.shares.init(s)
	sub := &subscription{client: new(client), filter: "$share/g/t", share: new(membership)}
	s.enlist(sub, nil)
	s.shares.starve(sub.share.group, true)
	s.delist(sub)
	s.shares.stop()
	if n := s.shares.starved.Load(); n != 0 || len(s.shares.starving) > 0 || s.index.Len() > 0 {
		t.Errorf("%d groups starve, %d are in the index", n, s.index.Len())
	}
}
