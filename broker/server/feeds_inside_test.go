package server

import (
	"fmt"
	"testing"
)

// TestFeedsAreBounded: however often a client that does not read subscribes and unsubscribes, there is no more than a feed for each
// subscription that it has.
func TestFeedsAreBounded(t *testing.T) {
	var f feeds
	for i := range 1000 {
		if added := f.add(&feed{filter: "a"}); added != (i == 0) {
			t.Fatalf("feed %d added: %v", i, added)
		}
		f.add(&feed{filter: fmt.Sprint("b", i)})
		if i > 0 {
			f.drop(fmt.Sprint("b", i))
		}
		f.drop("never there")
	}
	if n := f.queue.order.Len(); n != 2 || len(f.queue.byFilter) != 2 {
		t.Errorf("%d feeds, %d of them by filter", n, len(f.queue.byFilter))
	}
	order := ""
	for one := f.first(); one != nil; one = f.first() {
		order += one.filter
		f.done(one)
		if len(order) == 6 { // the one before is asked for no longer
			f.drop("a")
		}
	}
	if order != "ab0aaa" {
		t.Errorf("order %s", order)
	}
}

// TestFeedIsGiven: what a connection has not sent is for the next one, and neither sends what the other does.
func TestFeedIsGiven(t *testing.T) {
	var old, next feeds
	one := &feed{filter: "a"}
	old.add(one)
	old.add(&feed{filter: "a"})
	if !old.pass(one, "1") {
		t.Error("the feed is over")
	}
	next.queue = old.give()
	if old.pass(one, "2") {
		t.Error("the old connection goes on")
	}
	old.done(one)
	got := next.first()
	if got == one || got.after != "1" || got.again != 1 || !next.pass(got, "2") {
		t.Errorf("the next connection has %+v", got)
	}
	next.done(got)
	if again := next.first(); again != got || again.after != "" {
		t.Errorf("once more: %+v", again)
	}
	if next.done(got); !next.none() || !old.none() {
		t.Error("there is a feed left")
	}
}
