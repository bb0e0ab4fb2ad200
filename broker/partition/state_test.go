package partition

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dunlin-mqtt/dunlin/broker/message"
	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// account is what sessions are, by naive bookkeeping.
type account map[string]*view

// event is a record on its way to the log, and what it means.
type event struct {
	rec    []byte
	client string
	epoch  uint64
	do     func(a account, seq uint64)
}

// story drives a State as the server does: some calls come before their records, records come late or
// never, checkpoints fail, and the broker crashes.
type story struct {
	t      *testing.T
	random *rand.Rand
	st     *State
	live   account // what st has to be
	epoch  uint64

	pending []event
	late    []event // of what the log is told at leisure

	// The disk.
	log  map[uint64][]byte
	next uint64
	disk account // what a replay has to yield
	at   uint64
	kvs  map[string][]byte

	failedKVs  []store.KV
	failedDrop []store.Range
}

func (a account) clone() account {
	out := make(account, len(a))
	for id, v := range a {
		c := *v
		c.Subs, c.Inbound, c.Queue = slices.Clone(v.Subs), slices.Clone(v.Inbound), slices.Clone(v.Queue)
		out[id] = &c
	}
	return out
}

// of is a client's session, if it is the one of an epoch.
func (a account) of(e *event) *view {
	if v := a[e.client]; v != nil && v.Epoch == e.epoch {
		return v
	}
	return nil
}

func (v *view) find(ordinal uint64) (i int, found bool) {
	i = slices.IndexFunc(v.Queue, func(r Ref) bool { return r.Ordinal == ordinal })
	return i, i >= 0
}

// commit takes what is pending to the log, one after the other, but for a few that are lost.
func (s *story) commit() {
	for range s.random.IntN(len(s.pending) + 1) {
		e := s.pending[0]
		s.pending = s.pending[1:]
		if s.random.IntN(15) == 0 {
			continue
		}
		seq := s.next
		s.next++
		s.log[seq] = e.rec
		e.do(s.disk, seq)
		e.do(s.live, seq)
		if err := s.st.Apply(seq, e.rec); err != nil {
			s.t.Fatal(err)
		}
	}
}

// write has a record written soon; what only changes the session of e's epoch is changed by do.
func (s *story) write(e event, do func(v *view)) {
	e.do = func(a account, _ uint64) {
		if v := a.of(&e); v != nil {
			do(v)
		}
	}
	s.pending = append(s.pending, e)
}

// tell writes what the log is told at leisure, if its session is still there.
func (s *story) tell() {
	for _, e := range s.late {
		if s.live.of(&e) != nil {
			s.pending = append(s.pending, e)
		}
	}
	s.late = nil
}

func (s *story) step() {
	id := fmt.Sprint("client-", s.random.IntN(4))
	v := s.live[id]
	if v == nil || s.random.IntN(25) == 0 {
		s.attach(id, v)
		return
	}
	e := event{client: id, epoch: v.Epoch}
	switch n := s.random.IntN(24); {
	case n == 0:
		s.end(e)
	case n == 1:
		at, expiry, due := s.random.Int64N(1e12)+1, s.random.Uint32(), s.random.IntN(2) == 0
		e.rec = AppendDetach(nil, id, at, expiry, due, 0)
		s.write(e, func(v *view) {
			if v.Left, v.Expiry = at, expiry; !due {
				v.Will = nil
			}
		})
	case n == 2:
		e.rec = AppendWillSent(nil, id)
		s.write(e, func(v *view) { v.Will = nil })
	case n < 5:
		s.subscription(e)
	case n < 7:
		s.inbound(e)
	case n < 14:
		s.message()
	case n < 18:
		s.done(e, v)
	case n < 20 && len(v.Queue) > 0:
		s.arrived(e, v)
	case n < 22:
		s.commit()
	case n == 22:
		s.tell()
	default:
		s.expired(e, v)
	}
}

func (s *story) attach(id string, v *view) {
	a := Attach{Client: id, Username: fmt.Sprint("user-", s.random.IntN(9)), Anonymous: s.random.IntN(2) == 0, Expiry: s.random.Uint32()}
	if s.random.IntN(2) == 0 {
		a.Will = &Will{Delay: s.random.Uint32(), HasExpiry: s.random.IntN(2) == 0, Expiry: s.random.Uint32(), Message: []byte("w")}
	}
	if v != nil && s.random.IntN(2) == 0 {
		a.Epoch = v.Epoch
	} else {
		s.epoch++
		a.Epoch = s.epoch
	}
	s.pending = append(s.pending, event{rec: AppendAttach(nil, &a), do: func(acc account, _ uint64) {
		v := acc[id]
		if v == nil || v.Epoch != a.Epoch {
			v = new(view)
			acc[id] = v
		}
		v.Attach, v.Left = a, 0
	}})
	for len(s.pending) > 0 { // the server waits
		s.commit()
	}
}

// end ends a session before the log knows.
func (s *story) end(e event) {
	s.st.End(e.client)
	delete(s.live, e.client)
	e.rec = AppendEnd(nil, e.client)
	e.do = func(a account, _ uint64) { delete(a, e.client) }
	s.pending = append(s.pending, e)
	for len(s.pending) > 0 { // before another session of the client
		s.commit()
	}
}

func (s *story) subscription(e event) {
	sub := Subscription{Filter: fmt.Sprint(s.random.IntN(4)), ID: s.random.Uint32N(9), QoS: byte(s.random.IntN(3))}
	without := func(v *view) {
		v.Subs = slices.DeleteFunc(v.Subs, func(other Subscription) bool { return other.Filter == sub.Filter })
	}
	if s.random.IntN(3) == 0 {
		e.rec = AppendUnsubscribe(nil, e.client, []string{sub.Filter, "other"})
		s.write(e, without)
		return
	}
	e.rec = AppendSubscribe(nil, e.client, []Subscription{sub})
	s.write(e, func(v *view) {
		without(v)
		v.Subs = append(v.Subs, sub)
		slices.SortFunc(v.Subs, func(a, b Subscription) int { return int(a.Filter[0]) - int(b.Filter[0]) })
	})
}

func (s *story) inbound(e event) {
	id, free := uint16(s.random.IntN(5)), s.random.IntN(2) == 0
	e.rec = AppendInbound(nil, e.client, e.epoch, id, free)
	s.write(e, func(v *view) {
		v.Inbound = slices.DeleteFunc(v.Inbound, func(other uint16) bool { return other == id })
		if !free {
			v.Inbound = append(v.Inbound, id)
			slices.Sort(v.Inbound)
		}
	})
}

// message is for several sessions, also for some that may have ended when it is stored.
func (s *story) message() {
	m := &message.Message{Topic: "t", Payload: make([]byte, s.random.IntN(300)), QoS: byte(1 + s.random.IntN(2))}
	if s.random.IntN(2) == 0 {
		m.Expires = 1 + s.random.Int64N(1000)
	}
	to := []Recipient{{Client: "nobody", Epoch: 1, QoS: 1}}
	for id, v := range s.live {
		if s.random.IntN(2) == 0 {
			to = append(to, Recipient{Client: id, Epoch: v.Epoch, QoS: byte(1 + s.random.IntN(2)), Retain: s.random.IntN(2) == 0, IDs: []uint32{7}})
		}
		if s.random.IntN(3) == 0 {
			to = append(to, Recipient{Client: id, Epoch: v.Epoch, QoS: 1, Share: fmt.Sprint("$share/g/", s.random.IntN(5))})
		}
	}
	s.pending = append(s.pending, event{rec: appendMessage(to, m), do: func(a account, seq uint64) {
		for _, r := range to {
			v := a[r.Client]
			if v == nil || v.Epoch != r.Epoch {
				continue
			}
			v.Queue = append(v.Queue, Ref{
				Ordinal: v.Next, Seq: seq, Size: m.Size(), Expires: m.Expires, QoS: min(r.QoS, m.QoS), Retain: r.Retain, IDs: r.IDs, Share: r.Share,
			})
			v.Next++
		}
	}})
}

// done is with a run of messages, or with some in any order. The log is told late.
func (s *story) done(e event, v *view) {
	if len(v.Queue) == 0 {
		return
	}
	from := s.random.IntN(len(v.Queue))
	var ordinals []uint64
	for _, r := range v.Queue[from:min(len(v.Queue), from+1+s.random.IntN(60))] {
		ordinals = append(ordinals, r.Ordinal)
	}
	if s.random.IntN(3) == 0 {
		s.random.Shuffle(len(ordinals), func(i, k int) { ordinals[i], ordinals[k] = ordinals[k], ordinals[i] })
	}
	s.doneWith(e, v, ordinals)
}

func (s *story) doneWith(e event, v *view, ordinals []uint64) {
	remove := func(v *view) {
		v.Queue = slices.DeleteFunc(v.Queue, func(r Ref) bool { return slices.Contains(ordinals, r.Ordinal) })
	}
	for _, ordinal := range ordinals {
		i, _ := v.find(ordinal)
		got, ok := s.st.Done(s.st.Session(e.client), ordinal)
		if diff := cmp.Diff(v.Queue[i], got, cmpopts.EquateEmpty()); !ok || diff != "" {
			s.t.Fatalf("done with %d of %s: %v\n%s", ordinal, e.client, ok, diff)
		}
		if _, again := s.st.Done(s.st.Session(e.client), ordinal); again {
			s.t.Fatalf("done with %d twice", ordinal)
		}
	}
	remove(v)
	e.rec = AppendDone(nil, e.client, e.epoch, ordinals)
	e.do = func(a account, _ uint64) {
		if v := a.of(&e); v != nil {
			remove(v)
		}
	}
	s.late = append(s.late, e)
}

func (s *story) arrived(e event, v *view) {
	ordinal := v.Queue[s.random.IntN(len(v.Queue))].Ordinal
	mark := func(v *view) {
		if i, found := v.find(ordinal); found {
			v.Queue[i].Arrived = true
		}
	}
	s.st.Arrived(s.st.Session(e.client), ordinal)
	mark(v)
	e.rec = AppendArrived(nil, e.client, ordinal)
	s.write(e, mark)
}

func (s *story) expired(e event, v *view) {
	from, now := s.random.Uint64N(v.Next+1), s.random.Int64N(1000)
	var want []uint64
	for _, r := range v.Queue {
		if r.Ordinal >= from && r.Expires != 0 && now >= r.Expires {
			want = append(want, r.Ordinal)
		}
	}
	if got := s.st.Session(e.client).Expired(from, now, nil); !slices.Equal(got, want) {
		s.t.Fatalf("expired from %d at %d: %v, and not %v", from, now, got, want)
	}
	if len(want) > 0 {
		s.doneWith(e, v, want)
	}
}

// checkpoint writes one, or fails to: then the next has to write it as well.
func (s *story) checkpoint() (ok bool) {
	kvs, at, drop := s.st.Checkpoint()
	if at != s.next {
		s.t.Fatalf("a checkpoint stands for %d, and not %d", at, s.next)
	}
	kvs, drop = append(s.failedKVs, kvs...), append(s.failedDrop, drop...)
	s.failedKVs, s.failedDrop = kvs, drop
	if s.random.IntN(3) == 0 {
		return false
	}
	s.failedKVs, s.failedDrop = nil, nil
	for _, kv := range kvs {
		put(s.kvs, kv)
	}
	for _, r := range drop {
		for seq := r.From; seq < r.To; seq++ {
			if _, there := s.log[seq]; !there || seq >= at {
				s.t.Fatalf("record %d is dropped, and was not there; the checkpoint is at %d", seq, at)
			}
			delete(s.log, seq)
		}
	}
	s.at, s.disk = at, s.live.clone()
	needed := s.needed()
	for seq := range s.log {
		if seq < at && !needed[seq] {
			s.t.Fatalf("record %d, below the checkpoint at %d, is kept and nobody needs it", seq, at)
		}
	}
	return true
}

// needed is the records that are referred to, which the log has to have.
func (s *story) needed() map[uint64]bool {
	needed := make(map[uint64]bool)
	for _, v := range s.live {
		for _, r := range v.Queue {
			if needed[r.Seq] = needed[r.Seq] || !r.Arrived; !r.Arrived && s.log[r.Seq] == nil {
				s.t.Fatalf("record %d is needed and dropped", r.Seq)
			}
		}
	}
	return needed
}

// crash begins again with what is on the disk.
func (s *story) crash() {
	s.st = loaded(s.t, s.kvs, s.at)
	for seq := max(s.at, 1); seq < s.next; seq++ {
		if err := s.st.Apply(seq, s.log[seq]); err != nil {
			s.t.Fatal(err)
		}
	}
	s.live = s.disk.clone()
	s.pending, s.late, s.failedKVs, s.failedDrop = nil, nil, nil, nil
	s.check("after a crash")
	s.needed()
}

func (s *story) check(when string) {
	if diff := cmp.Diff(map[string]*view(s.live), look(s.t, s.st), cmpopts.EquateEmpty()); diff != "" {
		s.t.Fatalf("%s (-want +got):\n%s", when, diff)
	}
	if s.st.Next() != s.next {
		s.t.Fatalf("%s: %d is next, and not %d", when, s.st.Next(), s.next)
	}
}

func TestStory(t *testing.T) {
	for seed := range uint64(60) {
		s := &story{
			t: t, random: rand.New(rand.NewPCG(seed, 3)), st: NewState(0), live: make(account), disk: make(account),
			log: make(map[uint64][]byte), next: 1, kvs: make(map[string][]byte),
		}
		checkpoints := 20 + s.random.IntN(200)
		for range 1500 {
			s.step()
			switch n := s.random.IntN(10 * checkpoints); {
			case n < 10:
				s.checkpoint()
			case n < 12:
				s.crash()
			case n < 20:
				s.check("live")
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		for id := range maps.Clone(s.live) { // all end
			s.end(event{client: id, epoch: s.live[id].Epoch})
		}
		for !s.checkpoint() {
		}
		if len(s.kvs) > 0 || len(s.log) > 0 || s.st.bodies.live != 0 {
			t.Fatalf("seed %d: %d pairs, %d records and %d references are left of no sessions", seed, len(s.kvs), len(s.log), s.st.bodies.live)
		}
	}
}
