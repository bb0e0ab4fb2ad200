package partition

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dunlin-mqtt/dunlin/broker/message"
)

var (
	attach = Attach{Client: "c", Username: "üser", Epoch: math.MaxUint64, Expiry: math.MaxUint32}
	subs   = []Subscription{{Filter: "a/#", ID: 268435455, QoS: 2, NoLocal: true, RetainAsPublished: true}, {Filter: "+", QoS: 1}}
	msg    = message.Message{Topic: "t", Payload: []byte("payload"), QoS: 2, Publisher: "p"}
	to     = []Recipient{
		{Client: "c", Epoch: math.MaxUint64, QoS: 2, Retain: true, IDs: []uint32{1, 268435455}},
		{Client: "gone", Epoch: 1, QoS: 1}, {Client: "c", Epoch: 1, QoS: 1},
	}
)

// records is one of each kind, that of a message without its payload.
func records() map[string][]byte {
	m := msg
	m.Payload = nil
	return map[string][]byte{
		"attach":       AppendAttach(nil, &attach),
		"detach":       AppendDetach(nil, "c", 1700000000000, 300),
		"end":          AppendEnd(nil, "c"),
		"subscribe":    AppendSubscribe(nil, "c", subs),
		"unsubscribe":  AppendUnsubscribe(nil, "c", []string{"a/#", "x"}),
		"message":      message.Append(AppendMessage(nil, to), &m),
		"done":         AppendDone(nil, "c", []uint64{0, 1, math.MaxUint64}),
		"arrived":      AppendArrived(nil, "c", 300),
		"inbound":      AppendInbound(nil, "c", 65535, false),
		"inbound free": AppendInbound(nil, "c", 65535, true),
	}
}

// begun is a state that has seen c connect.
func begun(t testing.TB) *State {
	st := NewState(0)
	st.Loaded()
	if err := st.Apply(1, AppendAttach(nil, &attach)); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestRecords(t *testing.T) {
	st := begun(t)
	for i, rec := range [][]byte{
		AppendSubscribe(nil, "c", subs),
		AppendUnsubscribe(nil, "c", []string{"+", "unknown"}),
		message.Append(AppendMessage(nil, to), &msg), // 4
		message.Append(AppendMessage(nil, to[:1]), &msg),
		message.Append(AppendMessage(nil, to[:1]), &msg),
		AppendArrived(nil, "c", 1),
		AppendDone(nil, "c", []uint64{0, 77}),
		AppendInbound(nil, "c", 65535, false),
		AppendInbound(nil, "c", 1, false),
		AppendInbound(nil, "c", 1, true),
		AppendDetach(nil, "c", 1700000000000, 300),
		AppendEnd(nil, "unknown"),
	} {
		if err := st.Apply(uint64(i+2), rec); err != nil {
			t.Fatalf("record %d: %v", i+2, err)
		}
	}
	left := attach
	left.Expiry = 300
	want := map[string]*Session{"c": {
		Attach: left, Left: 1700000000000, Next: 3,
		Subs: map[string]Subscription{"a/#": subs[0]}, Inbound: map[uint16]struct{}{65535: {}},
		Entries: []Entry{
			{Ordinal: 1, Seq: 5, QoS: 2, Retain: true, Arrived: true},
			{Ordinal: 2, Seq: 6, QoS: 2, Retain: true, Message: &msg, IDs: to[0].IDs},
		},
	}}
	if diff := cmp.Diff(want, st.Sessions, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	reconnected := AppendAttach(nil, &attach)
	if err := st.Apply(20, reconnected); err != nil || st.Sessions["c"].Left != 0 || st.Sessions["c"].Next != 3 {
		t.Errorf("reconnected: %v %+v", err, st.Sessions["c"])
	}
	other := attach
	other.Epoch = 5
	if err := st.Apply(21, AppendAttach(nil, &other)); err != nil || len(st.Sessions["c"].Entries)+len(st.Sessions["c"].Subs) != 0 {
		t.Errorf("another epoch: %v %+v", err, st.Sessions["c"])
	}
	if err := st.Apply(22, AppendEnd(nil, "c")); err != nil || len(st.Sessions) != 0 {
		t.Errorf("ended: %v %+v", err, st.Sessions)
	}
}

func TestTruncation(t *testing.T) {
	for name, rec := range records() {
		t.Run(name, func(t *testing.T) {
			if err := begun(t).Apply(2, rec); err != nil {
				t.Fatalf("the whole record: %v", err)
			}
			for n := range rec {
				if err := begun(t).Apply(2, rec[:n]); err == nil {
					t.Errorf("the first %d of %d bytes are accepted", n, len(rec))
				}
			}
		})
	}
}

func TestCheckpointTruncation(t *testing.T) {
	s := &Session{
		Attach: attach, Left: 5, Next: 9, Subs: map[string]Subscription{"a/#": subs[0]}, Inbound: map[uint16]struct{}{9: {}},
		Entries: []Entry{{Ordinal: 3, Seq: 1, QoS: 2, Retain: true, IDs: []uint32{1, 2}}, {Ordinal: 8, Seq: 300, QoS: 2, Arrived: true}},
	}
	value := s.Append(nil)
	st := NewState(0)
	if err := st.LoadSession("c", value); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, st.Sessions["c"], cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	for n := range value {
		if err := st.LoadSession("c", value[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are accepted", n, len(value))
		}
	}
	s.Entries[0].Ordinal = 8000
	if err := st.LoadSession("c", s.Append(nil)); err == nil {
		t.Error("entries out of order are accepted")
	}
	if err := st.LoadSession("c", append([]byte{99}, value[1:]...)); err == nil {
		t.Error("an unknown version is accepted")
	}
}

// TestDamagedCount: a count that the record cannot hold is refused before memory is made for it.
func TestDamagedCount(t *testing.T) {
	for kind := range kind(12) {
		for _, count := range []string{"\xFF\xFF\xFF\xFF\x0F", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "\xFF\xFF\x7F"} {
			for _, head := range []string{string(rune(kind)), fmt.Sprint(string(rune(kind)), "\x01c"), fmt.Sprint(string(rune(kind)), "\x01\x01c\x01\x02")} {
				st := begun(t)
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				_ = st.Apply(2, []byte(head+count)) // not all of these are damaged
				runtime.ReadMemStats(&after)
				if got := after.TotalAlloc - before.TotalAlloc; got > 1<<16 {
					t.Errorf("%q: %d bytes are allocated", head+count, got)
				}
			}
		}
	}
}

func FuzzApply(f *testing.F) {
	for _, rec := range records() {
		f.Add(rec)
	}
	f.Fuzz(func(t *testing.T, rec []byte) {
		st := begun(t)
		_ = st.Apply(2, AppendSubscribe(nil, "c", subs)) // seen to work above
		_ = st.Apply(3, message.Append(AppendMessage(nil, to[:1]), &msg))
		if st.Apply(4, rec) != nil {
			return
		}
		for id, s := range st.Sessions { // what is accepted can be written out and read again
			again := NewState(5)
			if err := again.LoadSession(id, s.Append(nil)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzLoadSession(f *testing.F) {
	f.Add((&Session{Attach: attach, Subs: map[string]Subscription{"a": {Filter: "a"}}, Inbound: map[uint16]struct{}{1: {}}, Entries: []Entry{{Seq: 1}}}).Append(nil))
	f.Fuzz(func(t *testing.T, value []byte) {
		st := NewState(5)
		if st.LoadSession("c", value) != nil {
			return
		}
		st.Loaded()
		again := NewState(5)
		if err := again.LoadSession("c", st.Sessions["c"].Append(nil)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(st.Sessions, again.Sessions, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
