package partition

import (
	"math/rand/v2"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// bodiesModel holds bodies to a map.
type bodiesModel struct {
	t       *testing.T
	random  *rand.Rand
	b       bodies
	refs    map[uint64]int
	live    []uint64 // a reference each
	next    uint64
	from    uint64 // records below were there before and nobody needs them, but for those in refs
	dropped map[uint64]bool
}

func (m *bodiesModel) add(seq uint64) {
	m.b.add(seq)
	m.refs[seq]++
	m.live = append(m.live, seq)
}

func (m *bodiesModel) release(i int) {
	seq := m.live[i]
	m.live[i] = m.live[len(m.live)-1]
	m.live = m.live[:len(m.live)-1]
	m.b.release(seq)
	if m.refs[seq]--; m.refs[seq] == 0 {
		delete(m.refs, seq)
		m.b.release(seq) // of what nobody refers to any more: nothing happens
	}
}

// advance checks that exactly those below at go that nobody refers to and that have not gone before.
func (m *bodiesModel) advance(at uint64) {
	ranges := m.b.advance(at)
	for i, r := range ranges {
		if r.From >= r.To || r.To > at || i > 0 && r.From <= ranges[i-1].To {
			m.t.Fatalf("range %v of %v, at %d", r, ranges, at)
		}
		m.drop(r)
	}
	for seq := m.from; seq < at; seq++ {
		if !m.dropped[seq] && m.refs[seq] == 0 {
			m.t.Fatalf("record %d is kept and nobody refers to it; dropped: %v", seq, ranges)
		}
	}
	segments := make(map[uint64]bool)
	for seq := range m.refs {
		segments[seq/segmentRecords] = true
	}
	if m.b.live != len(m.refs) || len(m.b.segments) != len(segments) {
		m.t.Fatalf("%d live in %d segments, and not %d in %d", m.b.live, len(m.b.segments), len(m.refs), len(segments))
	}
}

func (m *bodiesModel) drop(r store.Range) {
	for seq := r.From; seq < r.To; seq++ {
		if m.refs[seq] > 0 || m.dropped[seq] {
			m.t.Fatalf("record %d is dropped; %d refer to it, dropped before: %v", seq, m.refs[seq], m.dropped[seq])
		}
		m.dropped[seq] = true
	}
}

func TestBodies(t *testing.T) {
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 9))
		start := 1 + random.Uint64N(3*segmentRecords)
		m := &bodiesModel{
			t: t, random: random, b: bodies{at: start}, refs: make(map[uint64]int), next: start, from: start, dropped: make(map[uint64]bool),
		}
		for range random.IntN(200) { // of a checkpoint, in any order
			m.add(1 + random.Uint64N(start))
		}
		for i := range 3000 {
			switch n := random.IntN(10); {
			case n < 3 || i/700%2 == 0 && n < 6: // a message, for some
				for range random.IntN(3) {
					m.add(m.next)
				}
				m.next++
			case n == 9 && random.IntN(30) == 0: // records of other kinds
				m.next += random.Uint64N(3 * segmentRecords)
			case n == 9:
				m.next += random.Uint64N(4)
			case len(m.live) > 0 && random.IntN(2) == 0:
				m.release(random.IntN(len(m.live)))
			case len(m.live) > 0:
				m.release(0)
			}
			if random.IntN(100) == 0 {
				m.advance(m.next)
			}
		}
		for len(m.live) > 0 {
			m.release(random.IntN(len(m.live)))
		}
		m.advance(m.next)
		if got := m.b.advance(m.next); len(got) > 0 {
			t.Fatalf("seed %d: %v are dropped though nothing has happened", seed, got)
		}
	}
}
