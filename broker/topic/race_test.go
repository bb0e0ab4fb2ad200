package topic_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// While writers add and remove around them, entries that stay are found by every match, none twice, and
// nothing is found that no filter of the name has.
func TestFiltersConcurrently(t *testing.T) {
	f := topic.NewFilters[int]()
	stay := []string{"a/b/c", "a/+/c", "a/#", "+/b/c"}
	for i, filter := range stay {
		f.Add(filter, i)
	}
	var writers, readers sync.WaitGroup
	var stopped atomic.Bool
	for w := range 3 {
		writers.Go(func() { churnFilters(f, 100*(w+1)) })
	}
	for range 2 {
		readers.Go(func() {
			for !stopped.Load() {
				got := matched(f, "a/b/c")
				if len(got) < len(stay) || !slices.Equal(got[:len(stay)], []int{0, 1, 2, 3}) {
					t.Errorf("lost an entry: %v", got)
					return
				}
				if len(slices.Compact(slices.Clone(got))) != len(got) {
					t.Errorf("an entry came twice: %v", got)
					return
				}
			}
		})
	}
	writers.Wait()
	stopped.Store(true)
	readers.Wait()
	if f.Len() != len(stay) {
		t.Errorf("%d entries are left", f.Len())
	}
}

// churnFilters adds and removes entries from id on: siblings of the matched path, whose tables grow and
// shrink, and enough entries of one filter to make pages.
func churnFilters(f *topic.Filters[int], id int) {
	for round := range 20 {
		for i := range 90 {
			f.Add("a/b/c", id+i)
			f.Add("a/b/"+strconv.Itoa(id+i), id+i)
			f.Add(fmt.Sprintf("%d/%d/#", id+i, round), id+i)
		}
		for i := range 90 {
			f.Remove("a/b/c", id+i)
			f.Remove("a/b/"+strconv.Itoa(id+i), id+i)
			f.Remove(fmt.Sprintf("%d/%d/#", id+i, round), id+i)
		}
	}
}

// Who matches with a generation that is still the index's one later has missed nothing that was added before.
func TestGenerationTellsOfChanges(t *testing.T) {
	f := topic.NewFilters[int]()
	var wg sync.WaitGroup
	var added atomic.Int64
	const entries = 2000
	wg.Go(func() {
		for i := range entries {
			f.Add("a", i)
			added.Store(int64(i + 1))
		}
	})
	wg.Go(func() {
		for seen := int64(0); seen < entries; {
			generation := f.Generation()
			got := len(matched(f, "a"))
			seen = added.Load()
			if f.Generation() == generation && int64(got) < seen {
				t.Errorf("a cached result has %d of %d entries", got, seen)
				return
			}
		}
	})
	wg.Wait()
}

// A scan yields every name that stays, once and in order, while others come and go around it.
func TestNamesConcurrently(t *testing.T) {
	n := topic.NewNames[int]()
	const stay = 2000
	for i := range stay {
		n.Set(fmt.Sprintf("a/%04d/x", i), i)
	}
	var writers, readers sync.WaitGroup
	var stopped atomic.Bool
	for w := range 2 {
		writers.Go(func() {
			for range 10 {
				for i := range stay {
					n.Set(fmt.Sprintf("a/%04d/%d", i, w), i)
				}
				for i := range stay {
					n.Delete(fmt.Sprintf("a/%04d/%d", i, w))
				}
			}
		})
	}
	readers.Go(func() {
		for !stopped.Load() {
			next := 0
			n.Walk("a/+/x", func(name string, v int) bool {
				if v != next {
					t.Errorf("after %d names comes %q", next, name)
				}
				next++
				return !t.Failed()
			})
			if next != stay {
				t.Errorf("%d names", next)
				return
			}
		}
	})
	writers.Wait()
	stopped.Store(true)
	readers.Wait()
	if n.Len() != stay {
		t.Errorf("%d names are left", n.Len())
	}
}
