package partition

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// loaded is a state that begins with the pairs of a checkpoint.
func loaded(t testing.TB, pairs map[string][]byte, at uint64) *State {
	t.Helper()
	st := NewState(at)
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		if err := st.Load(key, pairs[key]); err != nil {
			t.Fatal(err)
		}
	}
	return st
}

// full is a state whose checkpoint has something of everything: two chunks, done and arrived ones.
func full(t testing.TB) *State {
	t.Helper()
	st := begun(t)
	for _, rec := range [][]byte{
		AppendSubscribe(nil, "c", subs), AppendInbound(nil, "c", attach.Epoch, 9, false), AppendDetach(nil, "c", 5, 6, true, 0), AppendArrived(nil, "c", 1),
	} {
		if err := st.Apply(st.Next(), rec); err != nil {
			t.Fatal(err)
		}
	}
	for range chunkRefs {
		if err := st.Apply(st.Next(), appendMessage(to[:1], &msg)); err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Apply(st.Next(), AppendDone(nil, "c", attach.Epoch, []uint64{0, 5, 6, 7})); err != nil {
		t.Fatal(err)
	}
	return st
}

func TestCheckpoint(t *testing.T) {
	st := full(t)
	want := look(t, st)
	pairs := saved(st)
	if len(pairs) != 3 {
		t.Errorf("%d pairs", len(pairs))
	}
	if diff := cmp.Diff(want, look(t, loaded(t, pairs, st.Next())), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if kvs, at, drop := st.Checkpoint(); len(kvs) > 0 || at != st.Next() || len(drop) > 0 {
		t.Errorf("a checkpoint though nothing has changed: %v at %d, drop %v", kvs, at, drop)
	}
	if err := st.Apply(st.Next(), AppendDone(nil, "c", attach.Epoch, []uint64{chunkRefs + 1})); err != nil {
		t.Fatal(err)
	}
	if kvs, _, _ := st.Checkpoint(); len(kvs) != 2 { // the session and one chunk
		t.Errorf("one message is done, and %d pairs are written", len(kvs))
	}
}

func TestCheckpointDamaged(t *testing.T) {
	pairs := saved(full(t))
	keys := slices.Sorted(maps.Keys(pairs))
	load := func(upTo int, key string, value []byte) (err error) {
		st := NewState(1000)
		for _, before := range keys[:upTo] {
			if err := st.Load(before, pairs[before]); err != nil {
				t.Fatal(err)
			}
		}
		if got := allocated(func() { err = st.Load(key, value) }); got > enough(len(value))+4<<10*chunkRefs {
			t.Errorf("pair %q: %d bytes are allocated", key, got)
		}
		return err
	}
	for i, key := range keys {
		value := pairs[key]
		for n := 0; n < len(value); n += 1 + n/100 {
			if err := load(i, key, value[:n]); err == nil {
				t.Errorf("pair %q: the first %d of %d bytes are accepted", key, n, len(value))
			}
		}
		for n := range min(len(value), 150) {
			for _, flip := range []byte{1, 0x80, 0xFF} {
				bad := slices.Clone(value)
				bad[n] ^= flip
				if err := load(i, key, bad); err == nil && n == 0 {
					t.Errorf("pair %q: another version is accepted", key)
				}
			}
		}
	}
	for _, test := range []struct {
		name  string
		upTo  int
		key   string
		value []byte
	}{
		{"a queue without its session", 0, keys[1], pairs[keys[1]]},
		{"a key that is too short", 1, "c\x00\x01", pairs[keys[1]]},
		{"a key that is too long", 1, keys[1] + "x", pairs[keys[1]]},
		{"the same ordinals twice", 2, keys[1], pairs[keys[1]]},
		{"ordinals that overlap", 2, chunkKey("c", chunkRefs-1), pairs[keys[2]]},
		{"ordinals that are not given yet", 2, chunkKey("c", chunkRefs+1), pairs[keys[2]]},
		{"ordinals that wrap around", 2, chunkKey("c", ^uint64(0)), pairs[keys[2]]},
		{"more than the queue", 2, keys[2], append(slices.Clone(pairs[keys[2]]), 1)},
		{"more than the session", 0, keys[0], append(slices.Clone(pairs[keys[0]]), 1)},
	} {
		if err := load(test.upTo, test.key, test.value); err == nil {
			t.Errorf("%s: accepted", test.name)
		}
	}
}

func FuzzLoad(f *testing.F) {
	pairs := saved(full(f))
	keys := slices.Sorted(maps.Keys(pairs))
	f.Add(pairs[keys[0]], pairs[keys[1]], uint64(0))
	f.Add(pairs[keys[0]], pairs[keys[2]], uint64(chunkRefs))
	f.Fuzz(func(t *testing.T, session, chunk []byte, first uint64) {
		st := NewState(1000)
		if st.Load("c", session) != nil {
			return
		}
		if st.Load(chunkKey("c", first), chunk) != nil {
			return
		}
		look(t, st)
		s := st.Session("c")
		ordinal := s.Next()
		if next, ok := st.Enqueue(1000, &msg, &Recipient{Client: "c", Epoch: s.Epoch}); !ok || next != ordinal {
			t.Fatalf("the next message is %d, and not %d", next, ordinal)
		}
		var last Ref
		s.Scan(0, func(r *Ref) bool {
			last = *r
			return true
		})
		if last.Ordinal != ordinal || last.Seq != 1000 {
			t.Fatalf("the last message is %+v", last)
		}
		if _, ok := st.Done(s, ordinal); !ok {
			t.Fatal("it is not there")
		}
		st.End("c")
		if st.bodies.live != 0 || len(st.bodies.segments) != 0 {
			t.Errorf("%d records are referred to by nobody", st.bodies.live)
		}
	})
}
