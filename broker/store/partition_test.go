package store

import (
	"fmt"
	"hash/fnv"
	"testing"
)

// TestPartitionOf pins what folders on disk rely on.
func TestPartitionOf(t *testing.T) {
	for id, want := range map[string]int{"": 5, "a": 12, "foobar": 8, "sensor-0001": 21, "ü": 10} {
		if got := PartitionOf(id); got != want {
			t.Errorf("PartitionOf(%q) = %d, and not %d", id, got, want)
		}
	}
	var counts [Partitions]int
	for i := range 32000 {
		id := fmt.Sprint("client-", i)
		h := fnv.New32a()
		h.Write([]byte(id)) //nolint:errcheck // never fails
		n := PartitionOf(id)
		if n != int(h.Sum32()%Partitions) {
			t.Fatalf("PartitionOf(%q) = %d is not FNV-1a", id, n)
		}
		counts[n]++
	}
	for n, c := range counts {
		if c < 800 || c > 1200 {
			t.Errorf("partition %d has %d of 32000 clients", n, c)
		}
	}
}
