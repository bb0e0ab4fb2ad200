package partition

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dunlin-mqtt/dunlin/broker/message"
)

// story is a random log of a few clients, as a server would write it, together with what its
// sessions are in the end by a naive account.
type story struct {
	random *rand.Rand
	log    [][]byte
	live   map[string]*Session
	epoch  uint64
}

func tell(seed uint64, records int) *story {
	s := &story{random: rand.New(rand.NewPCG(seed, 3)), live: make(map[string]*Session)}
	for len(s.log) < records {
		s.step()
	}
	return s
}

func (s *story) add(rec []byte) { s.log = append(s.log, rec) }

func (s *story) step() {
	id := fmt.Sprint("client-", s.random.IntN(3))
	c := s.live[id]
	n := s.random.IntN(20)
	switch {
	case c == nil || n == 0:
		if c == nil || c.Left != 0 && s.random.IntN(2) == 0 { // a new session
			s.epoch++
			c = &Session{Subs: map[string]Subscription{}, Inbound: map[uint16]struct{}{}}
			c.Epoch = s.epoch
		}
		c.Client, c.Username, c.Expiry, c.Left = id, fmt.Sprint("user-", n), uint32(n), 0
		s.live[id] = c
		s.add(AppendAttach(nil, &c.Attach))
	case n == 1:
		delete(s.live, id)
		s.add(AppendEnd(nil, id))
	case n == 2:
		c.Left, c.Expiry = s.random.Int64N(1e12)+1, s.random.Uint32()
		s.add(AppendDetach(nil, id, c.Left, c.Expiry))
	case n < 5:
		sub := Subscription{Filter: fmt.Sprint(s.random.IntN(4)), ID: s.random.Uint32N(9), QoS: byte(s.random.IntN(3))}
		c.Subs[sub.Filter] = sub
		s.add(AppendSubscribe(nil, id, []Subscription{sub}))
	case n < 6:
		filter := fmt.Sprint(s.random.IntN(4))
		delete(c.Subs, filter)
		s.add(AppendUnsubscribe(nil, id, []string{filter, "other"}))
	case n < 12:
		s.message()
	case n < 15 && len(c.Entries) > 0:
		i := s.random.IntN(len(c.Entries))
		s.add(AppendDone(nil, id, []uint64{c.Entries[i].Ordinal}))
		c.Entries = append(c.Entries[:i:i], c.Entries[i+1:]...)
	case n < 17 && len(c.Entries) > 0:
		e := &c.Entries[s.random.IntN(len(c.Entries))]
		e.Arrived, e.Message, e.IDs = true, nil, nil
		s.add(AppendArrived(nil, id, e.Ordinal))
	case n < 19:
		packetID := uint16(s.random.IntN(5))
		_, taken := c.Inbound[packetID]
		if c.Inbound[packetID] = struct{}{}; taken {
			delete(c.Inbound, packetID)
		}
		s.add(AppendInbound(nil, id, packetID, taken))
	}
}

func (s *story) message() {
	m := &message.Message{Topic: "t", Payload: fmt.Append(nil, len(s.log)), QoS: byte(1 + s.random.IntN(2))}
	to := []Recipient{{Client: "nobody", Epoch: 1, QoS: 1}}
	for id, c := range s.live {
		if s.random.IntN(2) == 0 {
			continue
		}
		r := Recipient{Client: id, Epoch: c.Epoch, QoS: byte(1 + s.random.IntN(2)), Retain: s.random.IntN(2) == 0, IDs: []uint32{7}}
		c.Entries = append(c.Entries, Entry{
			Ordinal: c.Next, Seq: uint64(len(s.log) + 1), Message: m, QoS: min(r.QoS, m.QoS), Retain: r.Retain, IDs: r.IDs,
		})
		c.Next++
		to = append(to, r)
	}
	s.add(message.Append(AppendMessage(nil, to), m))
}

func (s *story) replay(t *testing.T, st *State, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		if err := st.Apply(uint64(i+1), s.log[i]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReplay(t *testing.T) {
	for seed := range uint64(100) {
		s := tell(seed, 150)
		st := NewState(0)
		st.Loaded()
		s.replay(t, st, 0, len(s.log))
		if diff := cmp.Diff(s.live, st.Sessions, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d (-live +replayed):\n%s", seed, diff)
		}
	}
}

// TestReplayFromCheckpoint: a checkpoint and the log from the oldest message it refers to yield the
// same; also if the checkpoint is ahead of what it says it stands for, in all but messages.
func TestReplayFromCheckpoint(t *testing.T) {
	for seed := range uint64(100) {
		s := tell(seed, 150)
		cut := s.random.IntN(len(s.log))
		before := NewState(0)
		before.Loaded()
		s.replay(t, before, 0, cut)
		for i := cut; i < len(s.log) && kind(s.log[i][0]) != kindMessage && s.random.IntN(4) > 0; i++ {
			s.replay(t, before, i, i+1)
		}
		st, oldest := NewState(uint64(cut+1)), cut
		for id, c := range before.Sessions {
			if err := st.LoadSession(id, c.Append(nil)); err != nil {
				t.Fatal(err)
			}
			for _, e := range c.Entries {
				if !e.Arrived {
					oldest = min(oldest, int(e.Seq)-1)
				}
			}
		}
		st.Loaded()
		s.replay(t, st, oldest, len(s.log))
		if diff := cmp.Diff(s.live, st.Sessions, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d, checkpoint at %d (-live +replayed):\n%s", seed, cut, diff)
		}
	}
}
