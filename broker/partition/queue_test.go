package partition

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// queueModel holds a queue, and the pairs that its checkpoints have written, to a slice.
type queueModel struct {
	t      *testing.T
	random *rand.Rand
	q      queue
	want   []Ref
	next   uint64
	seq    uint64
	saved  map[string][]byte
}

func (m *queueModel) push() {
	m.seq += m.random.Uint64N(3) * m.random.Uint64N(100)
	r := Ref{
		Ordinal: m.next, Seq: m.seq, Size: m.random.IntN(1 << (1 + m.random.IntN(20))),
		QoS: byte(1 + m.random.IntN(2)), Retain: m.random.IntN(2) == 0,
	}
	if m.random.IntN(3) == 0 {
		r.Expires = 1 + m.random.Int64N(2e12)
	}
	for range m.random.IntN(3) {
		r.IDs = append(r.IDs, m.random.Uint32())
	}
	if m.random.IntN(4) == 0 {
		r.Share = "$share/g/" + strconv.Itoa(m.random.IntN(20))
	}
	m.next++
	m.q.push(&r)
	m.want = append(m.want, r)
}

// remove takes the oldest, the newest or any away, or one that may not be there.
func (m *queueModel) remove() {
	ordinal := m.next - 1
	switch m.random.IntN(4) {
	case 0:
		ordinal = m.random.Uint64N(m.next + 3)
	case 1:
	case 2:
		ordinal = m.want[m.random.IntN(len(m.want))].Ordinal
	case 3:
		ordinal = m.want[0].Ordinal
	}
	i, found := m.at(ordinal)
	before, there := m.q.get(ordinal)
	got, ok := m.q.remove(ordinal)
	if ok != found || there != found {
		m.t.Fatalf("ordinal %d: get %v, remove %v, and not %v", ordinal, there, ok, found)
	}
	if !found {
		return
	}
	m.same([]Ref{m.want[i], m.want[i]}, []Ref{before, got}, "got and removed")
	m.want = slices.Delete(m.want, i, i+1)
	if _, again := m.q.remove(ordinal); again {
		m.t.Fatalf("ordinal %d is removed twice", ordinal)
	}
}

func (m *queueModel) at(ordinal uint64) (i int, found bool) {
	return slices.BinarySearchFunc(m.want, ordinal, func(r Ref, o uint64) int { return int(int64(r.Ordinal - o)) })
}

// checkpoint applies the pairs that have changed, which have to say what the queue does.
func (m *queueModel) checkpoint() {
	for _, kv := range m.q.checkpoint("c", nil) {
		put(m.saved, kv)
	}
	var got []Ref
	var count int
	for _, key := range slices.Sorted(maps.Keys(m.saved)) {
		first := binary.BigEndian.Uint64([]byte(key[2:]))
		c, err := parseChunk(first, m.saved[key], m.q.shares, func(r *Ref) { got = append(got, *r) })
		if err != nil {
			m.t.Fatalf("chunk %d: %v", first, err)
		}
		count += c.left
	}
	if m.same(m.want, got, "the checkpoint"); count != len(m.want) {
		m.t.Fatalf("%d in the checkpoint, and not %d", count, len(m.want))
	}
}

func (m *queueModel) same(want, got []Ref, what string) {
	m.t.Helper()
	if slices.EqualFunc(want, got, sameRef) {
		return
	}
	m.t.Fatalf("%s (-want +got):\n%s", what, cmp.Diff(want, got, cmpopts.EquateEmpty()))
}

// sameRef is quicker than go-cmp is.
func sameRef(a, b Ref) bool {
	ids := slices.Equal(a.IDs, b.IDs)
	return ids && a.Ordinal == b.Ordinal && a.Seq == b.Seq && a.Size == b.Size && a.Expires == b.Expires &&
		a.QoS == b.QoS && a.Retain == b.Retain && a.Arrived == b.Arrived
}

func put(pairs map[string][]byte, kv store.KV) {
	if kv.Value == nil {
		delete(pairs, kv.Key)
		return
	}
	pairs[kv.Key] = kv.Value
}

// check compares everything that can be asked.
func (m *queueModel) check() {
	var bytes int64
	for _, r := range m.want {
		bytes += int64(r.Size)
	}
	if m.q.count != len(m.want) || m.q.bytes != bytes {
		m.t.Fatalf("%d of %d bytes, and not %d of %d", m.q.count, m.q.bytes, len(m.want), bytes)
	}
	first, ok := m.q.first()
	if ok != (len(m.want) > 0) || ok && first != m.want[0].Ordinal {
		m.t.Fatalf("the first is %d %v", first, ok)
	}
	for range 3 {
		from, most := m.random.Uint64N(m.next+3), 1+m.random.IntN(600)
		i, _ := m.at(from)
		want := m.want[i:min(len(m.want), i+most)]
		var got []Ref
		m.q.scan(from, func(r *Ref) bool {
			got = append(got, *r)
			return len(got) < most
		})
		m.same(want, got, "scan from "+strconv.FormatUint(from, 10))
	}
	chunks := make(map[uint64]bool)
	for _, c := range m.q.chunks {
		if c.left == 0 && len(m.q.chunks) > 1 {
			m.t.Fatal("a chunk of which nothing is left is kept")
		}
		chunks[c.first] = true
	}
	if len(chunks) != len(m.q.chunks) {
		m.t.Fatal("two chunks begin with the same ordinal")
	}
}

func TestQueue(t *testing.T) {
	for seed := range uint64(20) {
		m := &queueModel{t: t, random: rand.New(rand.NewPCG(seed, 7)), saved: make(map[string][]byte)}
		saves := seed%3 > 0
		for i := range 4000 {
			grow := i/900%2 == 0
			if len(m.want) == 0 || m.random.IntN(10) < 8 == grow {
				m.push()
			} else {
				m.remove()
			}
			if i%97 == 0 {
				m.check()
			}
			if saves && m.random.IntN(300) == 0 {
				m.checkpoint()
			}
			if m.random.IntN(50) == 0 {
				m.q.shrink()
			}
		}
		m.checkpoint()
		for len(m.want) > 0 {
			m.remove()
		}
		m.check()
		m.checkpoint()
		if len(m.saved) > 0 {
			t.Fatalf("%d chunks of an empty queue are in the checkpoint", len(m.saved))
		}
	}
}

// TestChunkBorders: one more and one less than a chunk, drained in order and begun again.
func TestChunkBorders(t *testing.T) {
	for _, n := range []int{1, 63, 64, 65, chunkRefs - 1, chunkRefs, chunkRefs + 1, 2 * chunkRefs, 2*chunkRefs + 1} {
		for _, newestFirst := range []bool{false, true} {
			m := &queueModel{t: t, random: rand.New(rand.NewPCG(uint64(n), 1)), saved: make(map[string][]byte)}
			for range 3 {
				for range n {
					m.push()
				}
				m.check()
				refs := slices.Clone(m.want)
				if newestFirst {
					slices.Reverse(refs)
				}
				for _, r := range refs {
					if got, ok := m.q.remove(r.Ordinal); !ok || !sameRef(got, r) {
						t.Fatalf("%d of %d: %+v %v", r.Ordinal, n, got, ok)
					}
				}
				m.want = nil
				m.check()
			}
			if len(m.q.chunks) > 1 {
				t.Errorf("an empty queue has %d chunks", len(m.q.chunks))
			}
			if m.q.shrink(); len(m.q.chunks) != 0 {
				t.Error("an idle queue has a chunk")
			}
		}
	}
}

// heap is the bytes in use.
func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestQueueMemory: a million waiting messages cost less than 8 bytes each, and nothing when they are gone.
func TestQueueMemory(t *testing.T) {
	const n = 1_000_000
	before := heap()
	q := new(queue)
	for i := range uint64(n) {
		q.push(&Ref{Ordinal: i, Seq: 3 * i, Size: 300, QoS: 1})
	}
	full := heap() - before
	t.Logf("%.2f bytes a message", float64(full)/n)
	if full > 8*n {
		t.Errorf("%d bytes for %d messages", full, n)
	}
	for i := range uint64(n) {
		if _, ok := q.remove(i); !ok {
			t.Fatalf("%d is not there", i)
		}
	}
	if left := heap() - before; left > full/20 {
		t.Errorf("%d bytes of %d are kept when all are gone", left, full)
	}
	if q.shrink(); len(q.chunks) != 0 {
		t.Error("an idle queue has a chunk")
	}
	runtime.KeepAlive(q)
}
