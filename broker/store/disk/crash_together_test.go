package disk_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// write makes n writes of two partitions and a topic, and now and then has all but some old ones dropped from one of the partitions.
func (c *crashTogether) write(t *testing.T, s store.Store, n int) {
	for i := range n {
		number := c.writes.asked.Add(1)
		rec := strconv.AppendUint(nil, number, 10)
		w := &store.Write{Retain: []store.Retained{{Topic: "together", Record: rec, Expires: int64(number)}}}
		for _, l := range c.logs {
			w.Records = append(w.Records, store.Record{Part: l.N, Data: rec})
		}
		w.Done = func(err error) {
			if err != nil || w.Records[0].Seq != number || w.Records[1].Seq != number {
				t.Errorf("write %d: numbers %d and %d, error %v", number, w.Records[0].Seq, w.Records[1].Seq, err)
			}
			c.writes.acked.Store(number)
		}
		s.Write(w)
		if i%20 == 19 {
			c.dropped.asked.Store(number)
			value := strconv.AppendUint(nil, number, 10)
			c.logs[0].Checkpoint([]store.KV{{Key: "dropped", Value: value}}, number, oddBelow(number), func(err error) {
				if err != nil {
					t.Error(err)
				}
				c.dropped.acked.Store(number)
			})
		}
	}
}

// oddBelow are the odd ones of the last 40 records below at, and all those before them that are no multiple of 10.
func oddBelow(at uint64) (drop []store.Range) {
	for seq := uint64(1); seq < at; seq++ {
		if isDropped(seq, at) {
			drop = append(drop, store.Range{From: seq, To: seq + 1})
		}
	}
	return drop
}

func isDropped(seq, at uint64) bool {
	return seq < at && (seq%2 == 1 || seq+40 < at && seq%10 != 0)
}

// verify checks that each write is there whole or not at all, that those acknowledged are there, and that records were dropped with
// the checkpoint that says so, and no other.
func (c *crashTogether) verify(t *testing.T, s store.Store) {
	t.Helper()
	var pairs []store.KV
	at, err := c.logs[0].Load(t.Context(), func(kv store.KV) error {
		pairs = append(pairs, store.KV{Key: kv.Key, Value: append([]byte(nil), kv.Value...)})
		return nil
	})
	noError(t, err)
	if at < c.dropped.acked.Load() || at > c.dropped.asked.Load() || at > 0 && string(pairs[0].Value) != fmt.Sprint(at) {
		t.Fatalf("the checkpoint at %d is not in %d to %d; pairs %v", at, c.dropped.acked.Load(), c.dropped.asked.Load(), pairs)
	}
	var last [2]uint64
	for i, l := range c.logs {
		noError(t, l.Read(t.Context(), 0, func(seq uint64, rec []byte) error {
			for last[i]++; i == 0 && isDropped(last[i], at); last[i]++ {
				continue
			}
			if seq != last[i] || string(rec) != fmt.Sprint(seq) {
				t.Fatalf("partition %d with a checkpoint at %d: record %d comes instead of %d, and is %q", l.N, at, seq, last[i], rec)
			}
			return nil
		}))
	}
	last[0] = max(last[0], min(at, last[1]))
	retained := "0"
	out, _, err := s.Retained("together", "", 1, nil)
	noError(t, err)
	if len(out) > 0 {
		retained = string(out[0].Record)
	}
	if n := last[0]; n != last[1] || retained != fmt.Sprint(n) || n < c.writes.acked.Load() || n > c.writes.asked.Load() {
		t.Fatalf("the last writes are %d, %d and %s, and not in %d to %d", last[0], last[1], retained, c.writes.acked.Load(), c.writes.asked.Load())
	}
	for _, counted := range []*counter{&c.writes, &c.dropped} {
		counted.asked.Store(last[0])
		counted.acked.Store(last[0])
	}
	c.dropped.asked.Store(at)
	c.dropped.acked.Store(at)
}
