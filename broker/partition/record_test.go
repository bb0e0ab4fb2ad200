package partition

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dunlin-mqtt/dunlin/broker/message"
)

var (
	will   = Will{Delay: 7, Expiry: math.MaxUint32, HasExpiry: true, Message: []byte("will")}
	attach = Attach{Client: "c", Username: "üser", Anonymous: true, Epoch: math.MaxUint64, Expiry: math.MaxUint32, Will: &will}
	subs   = []Subscription{{Filter: "+", QoS: 1}, {Filter: "a/#", ID: 268435455, QoS: 2, NoLocal: true, RetainAsPublished: true}}
	msg    = message.Message{Topic: "t", Payload: []byte("payload"), QoS: 2, Publisher: "p", Expires: 1_700_000_000_000}
	to     = []Recipient{
		{Client: "c", Epoch: math.MaxUint64, QoS: 2, Retain: true, IDs: []uint32{1, 268435455}},
		{Client: "gone", Epoch: 1, QoS: 1}, {Client: "c", Epoch: 1, QoS: 1},
		{Client: "elsewhere", Epoch: math.MaxUint64, QoS: 2, IDs: []uint32{5}, Share: "$share/g/t"},
	}
)

// shared is one session, by a shared subscription and by one of its own.
var shared = []Recipient{{Client: "c", Epoch: math.MaxUint64, QoS: 2, Share: "$share/g/t"}, {Client: "c", Epoch: math.MaxUint64, QoS: 1}}

func appendMessage(to []Recipient, m *message.Message) []byte {
	return message.Append(AppendMessage(nil, len(to), func(i int) *Recipient { return &to[i] }), m)
}

// records is one of each kind, that of a message without its payload.
func records() map[string][]byte {
	m := msg
	m.Payload = nil
	return map[string][]byte{
		"attach":       AppendAttach(nil, &attach),
		"detach":       AppendDetach(nil, "c", 1_700_000_000_000, 300, true, 0),
		"will sent":    AppendWillSent(nil, "c"),
		"end":          AppendEnd(nil, "c"),
		"subscribe":    AppendSubscribe(nil, "c", subs),
		"unsubscribe":  AppendUnsubscribe(nil, "c", []string{"a/#", "x"}),
		"message":      appendMessage(to, &m),
		"done":         AppendDone(nil, "c", attach.Epoch, []uint64{0, 1, math.MaxUint64 - 1}),
		"arrived":      AppendArrived(nil, "c", 1),
		"inbound":      AppendInbound(nil, "c", attach.Epoch, 65535, false),
		"inbound free": AppendInbound(nil, "c", attach.Epoch, 65535, true),
	}
}

// begun is a state that has seen c connect, subscribe and get two messages; 4 is next.
func begun(t testing.TB) *State {
	t.Helper()
	st := NewState(0)
	for i, rec := range [][]byte{AppendAttach(nil, &attach), appendMessage(to, &msg), appendMessage(to[:1], &msg)} {
		if err := st.Apply(uint64(i+1), rec); err != nil {
			t.Fatal(err)
		}
	}
	return st
}

// view is what can be seen of a session.
type view struct {
	Attach
	Left    int64
	Subs    []Subscription
	Inbound []uint16
	Next    uint64
	Queue   []Ref
}

// look is what can be seen of a state. What Waiting says of a session has to be what Scan shows.
func look(t testing.TB, st *State) map[string]*view {
	t.Helper()
	seen := make(map[string]*view)
	st.Sessions(func(s *Session) {
		v := &view{Attach: s.Attach, Left: s.Left, Subs: s.Subs, Inbound: s.Inbound, Next: s.Next()}
		var size int64
		s.Scan(0, func(r *Ref) bool {
			v.Queue = append(v.Queue, *r)
			size += int64(r.Size)
			return true
		})
		if n, bytes := s.Waiting(); n != len(v.Queue) || bytes != size {
			t.Errorf("session %q: %d messages of %d bytes wait, and %d of %d are there", s.Client, n, bytes, len(v.Queue), size)
		}
		seen[s.Client] = v
	})
	return seen
}

func TestRecords(t *testing.T) {
	size := msg.Size()
	first := Ref{Ordinal: 0, Seq: 2, Size: size, Expires: msg.Expires, QoS: 2, Retain: true, IDs: to[0].IDs}
	second := first
	second.Ordinal, second.Seq = 1, 3
	for _, test := range []struct {
		name string
		recs [][]byte
		want func(v *view)
	}{
		{"attach", nil, func(*view) {}},
		{"attach again", [][]byte{AppendDetach(nil, "c", 5, 1, true, 0), AppendAttach(nil, &attach)}, func(*view) {}},
		{"attach with another epoch", [][]byte{AppendSubscribe(nil, "c", subs), AppendAttach(nil, &Attach{Client: "c", Epoch: 5})}, func(v *view) {
			*v = view{Attach: Attach{Client: "c", Epoch: 5}}
		}},
		{"detach", [][]byte{AppendDetach(nil, "c", 1_700_000_000_000, 300, true, 0)}, func(v *view) {
			v.Left, v.Expiry = 1_700_000_000_000, 300
		}},
		{"detach without a will", [][]byte{AppendDetach(nil, "c", 1, 2, false, 0)}, func(v *view) {
			v.Left, v.Expiry, v.Will = 1, 2, nil
		}},
		{"will sent", [][]byte{AppendDetach(nil, "c", 1, 2, true, 0), AppendWillSent(nil, "c")}, func(v *view) {
			v.Left, v.Expiry, v.Will = 1, 2, nil
		}},
		{"subscribe", [][]byte{AppendSubscribe(nil, "c", subs[1:]), AppendSubscribe(nil, "c", subs[:1])}, func(v *view) { v.Subs = subs }},
		{"subscribe again", [][]byte{AppendSubscribe(nil, "c", []Subscription{{Filter: "+"}}), AppendSubscribe(nil, "c", subs[:1])}, func(v *view) {
			v.Subs = subs[:1]
		}},
		{"unsubscribe", [][]byte{AppendSubscribe(nil, "c", subs), AppendUnsubscribe(nil, "c", []string{"x", "+"})}, func(v *view) { v.Subs = subs[1:] }},
		{"message for others", [][]byte{appendMessage(to[1:], &msg)}, func(*view) {}},
		{"message of QoS 1", [][]byte{appendMessage(to[:1], &message.Message{QoS: 1})}, func(v *view) {
			v.Next = 3
			v.Queue = append(v.Queue, Ref{Ordinal: 2, Seq: 4, QoS: 1, Retain: true, IDs: to[0].IDs})
		}},
		{"message by a share and another", [][]byte{appendMessage(shared, &message.Message{QoS: 1})}, func(v *view) {
			v.Next = 4
			v.Queue = append(v.Queue, Ref{Ordinal: 2, Seq: 4, QoS: 1, Share: "$share/g/t"}, Ref{Ordinal: 3, Seq: 4, QoS: 1})
		}},
		{"done", [][]byte{AppendDone(nil, "c", attach.Epoch, []uint64{0})}, func(v *view) { v.Queue = []Ref{second} }},
		{"done in a run, and more", [][]byte{AppendDone(nil, "c", attach.Epoch, []uint64{0, 1, 2, 3, 9, math.MaxUint64})}, func(v *view) { v.Queue = nil }},
		{"done in any order", [][]byte{AppendDone(nil, "c", attach.Epoch, []uint64{7, 1, 0, 5})}, func(v *view) { v.Queue = nil }},
		{"arrived", [][]byte{AppendArrived(nil, "c", 1), AppendArrived(nil, "c", 1), AppendArrived(nil, "c", 2)}, func(v *view) {
			v.Queue[1].Arrived = true
		}},
		{"arrived and done", [][]byte{AppendArrived(nil, "c", 0), AppendDone(nil, "c", attach.Epoch, []uint64{0})}, func(v *view) { v.Queue = []Ref{second} }},
		{"inbound", [][]byte{
			AppendInbound(nil, "c", attach.Epoch, 65535, false), AppendInbound(nil, "c", attach.Epoch, 2, false), AppendInbound(nil, "c", attach.Epoch, 2, false), AppendInbound(nil, "c", attach.Epoch, 1, true),
		}, func(v *view) { v.Inbound = []uint16{2, 65535} }},
		{"inbound free", [][]byte{AppendInbound(nil, "c", attach.Epoch, 9, false), AppendInbound(nil, "c", attach.Epoch, 8, false), AppendInbound(nil, "c", attach.Epoch, 9, true)}, func(v *view) {
			v.Inbound = []uint16{8}
		}},
		{"end", [][]byte{AppendEnd(nil, "unknown"), AppendEnd(nil, "c"), AppendDone(nil, "c", attach.Epoch, []uint64{1})}, func(v *view) { v.Client = "" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			st := begun(t)
			for i, rec := range test.recs {
				if err := st.Apply(uint64(4+i), rec); err != nil {
					t.Fatalf("record %d: %v", 4+i, err)
				}
			}
			v := &view{Attach: attach, Next: 2, Queue: []Ref{first, second}}
			want := map[string]*view{"c": v}
			if test.want(v); v.Client == "" {
				want = nil
			}
			if diff := cmp.Diff(want, look(t, st), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBody(t *testing.T) {
	for _, recipients := range [][]Recipient{nil, to[:1], to} {
		body, err := Body(appendMessage(recipients, &msg))
		var got message.Message
		if err == nil {
			err = message.Parse(body, &got)
		}
		if diff := cmp.Diff(msg, got, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("for %d recipients: %v\n%s", len(recipients), err, diff)
		}
	}
	for name, rec := range records() {
		if _, err := Body(rec); (err == nil) != (name == "message") {
			t.Errorf("body of %s: %v", name, err)
		}
	}
}

// TestApplyOrder: a record that is not the next is refused, and one that is damaged is not taken as applied.
func TestApplyOrder(t *testing.T) {
	st := begun(t)
	for _, test := range []struct {
		seq  uint64
		rec  []byte
		want string
	}{
		{3, AppendEnd(nil, "c"), "record 3: it should be 4"},
		{5, AppendEnd(nil, "c"), "record 5: it should be 4"},
		{4, []byte{200, 1, 'c'}, "record 4: damaged record: unknown kind 200"},
		{4, []byte{0, 1, 'c'}, "unknown kind 0"},
		{4, nil, "record 4: damaged record: it ends early"},
	} {
		if err := st.Apply(test.seq, test.rec); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("record %d, %q: %v", test.seq, test.rec, err)
		}
	}
	if st.Next() != 4 || st.Session("c") == nil {
		t.Errorf("%d is next, the session is %v", st.Next(), st.Session("c"))
	}
	if err := st.Apply(4, AppendEnd(nil, "c")); err != nil {
		t.Error(err)
	}
}

func TestTruncation(t *testing.T) {
	runs := AppendDone(nil, "c", attach.Epoch, nil)
	for name, rec := range records() {
		t.Run(name, func(t *testing.T) {
			if err := begun(t).Apply(4, rec); err != nil {
				t.Fatalf("the whole record: %v", err)
			}
			for n := range rec {
				whole := name == "done" && (n == len(runs) || n == len(runs)+2) // fewer runs
				if err := begun(t).Apply(4, rec[:n]); (err == nil) != whole {
					t.Errorf("the first %d of %d bytes: %v", n, len(rec), err)
				}
			}
		})
	}
}

// allocated is how many bytes fn allocates.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// enough is the memory that input of n bytes may cost: the largest thing that a few bytes become is
// the segment of a record's references.
func enough(n int) uint64 { return 64<<10 + uint64(n)*1024 }

// TestFlippedBytes: whatever a byte becomes, nothing panics, hangs or takes much memory.
func TestFlippedBytes(t *testing.T) {
	for name, rec := range records() {
		for i := range rec {
			for _, flip := range []byte{1, 2, 4, 0x0F, 0x40, 0x7F, 0x80, 0xFF} {
				bad := append([]byte(nil), rec...)
				bad[i] ^= flip
				st := begun(t)
				if got := allocated(func() { _ = st.Apply(4, bad) }); got > enough(len(bad)) { // not all of these are damaged
					t.Errorf("%s, byte %d ^ %#x: %d bytes are allocated", name, i, flip, got)
				}
				look(t, st)
			}
		}
	}
}

// TestDamagedCount: a count that the record cannot hold is refused before memory is made for it.
func TestDamagedCount(t *testing.T) {
	for kind := range kind(13) {
		for _, count := range []string{"\xFF\xFF\xFF\xFF\x0F", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", "\xFF\xFF\x7F"} {
			for _, head := range []string{"", "\x01c", "\x01c\x00", "\x00\x00\x00\x03", "\x00\x00\x00\x0a"} {
				rec := fmt.Sprint(string(rune(kind)), head, count)
				st := begun(t)
				if got := allocated(func() { _ = st.Apply(4, []byte(rec)) }); got > enough(len(rec)) { // not all of these are damaged
					t.Errorf("%q: %d bytes are allocated", rec, got)
				}
			}
		}
	}
}

// saved is the pairs of a state's checkpoint.
func saved(st *State) map[string][]byte {
	pairs := make(map[string][]byte)
	kvs, _, _ := st.Checkpoint()
	for _, kv := range kvs {
		put(pairs, kv)
	}
	return pairs
}

func FuzzApply(f *testing.F) {
	for _, rec := range records() {
		f.Add(rec)
	}
	f.Fuzz(func(t *testing.T, rec []byte) {
		st := begun(t)
		if st.Apply(4, rec) != nil {
			return
		}
		want := look(t, st)
		for client := range want {
			if strings.Contains(client, "\x00") {
				return // no client identifier has one
			}
		}
		again := loaded(t, saved(st), 5)
		if diff := cmp.Diff(want, look(t, again), cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
