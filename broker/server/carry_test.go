package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/store"
)

// TestCarryOver: what a failed checkpoint should have written is written with the next, in order and once.
func TestCarryOver(t *testing.T) {
	kv := func(key, value string) store.KV { return store.KV{Key: key, Value: []byte(value)} }
	kvs := later([]store.KV{kv("a", "1"), kv("b", "1")}, []store.KV{kv("b", "2"), kv("c", "2"), {Key: "a"}})
	if diff := cmp.Diff([]store.KV{{Key: "a"}, kv("b", "2"), kv("c", "2")}, kvs); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	drop := store.JoinRanges([]store.Range{{From: 9, To: 12}, {From: 1, To: 3}, {From: 3, To: 4}, {From: 10, To: 11}, {From: 20, To: 21}})
	if diff := cmp.Diff([]store.Range{{From: 1, To: 4}, {From: 9, To: 12}, {From: 20, To: 21}}, drop); diff != "" {
		t.Errorf("ranges (-want +got):\n%s", diff)
	}
}
