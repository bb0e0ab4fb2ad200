package inspect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// kept finds names as a store does.
func kept(names *topic.Names[bool], calls *int) RetainedTopics {
	return func(prefix, after string, limit int, dst []string) ([]string, bool, error) {
		*calls++
		found, done := names.Scan(prefix+"#", after, limit, nil)
		for _, e := range found {
			dst = append(dst, e.Name)
		}
		return dst, done, nil
	}
}

// levels are all levels that follow a prefix, by pages.
func levels(t *testing.T, topics *Topics, prefix string, limit int, retained RetainedTopics) (lines []string) {
	t.Helper()
	for after := ""; ; {
		page, err := topics.Level(prefix, admin.Range{After: after, Limit: limit}, noon, retained)
		if err != nil || len(page.Items) > limit || page.Total != -1 {
			t.Fatalf("%+v, %v", page, err)
		}
		for _, n := range page.Items {
			lines = append(lines, fmt.Sprintf("%s children=%d retained=%v messages=%d", n.Topic, n.Children, n.Retained, n.Messages))
		}
		if after = page.Next; after == "" {
			return lines
		}
	}
}

// TestLevelPages: whatever the size of the pages, each level comes once, in order, with all that is known of it.
func TestLevelPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var topics Topics
		defer topics.Stop()
		names, calls := topic.NewNames[bool](), 0
		retained := kept(names, &calls)
		if got := levels(t, &topics, "", 1, retained); got != nil {
			t.Errorf("%q", got)
		}
		for i := range 50 {
			names.Set(fmt.Sprintf("p/%02d", i), true)
			names.Set(fmt.Sprintf("p/%02d/x", i), true)
			topics.Published(fmt.Sprintf("p/%02d/x", i)) // known already
			topics.Published(fmt.Sprintf("p/%02d/y", i))
		}
		names.Set("p", true)
		names.Set("p-1", true)
		topics.Published("p/zz")
		topics.Published("q")
		var want []string
		for i := range 50 {
			want = append(want, fmt.Sprintf("p/%02d children=2 retained=true messages=2", i))
		}
		want = append(want, "p/zz children=0 retained=false messages=1")
		for _, limit := range []int{1, 2, 7, 50, 51, 1000} {
			if diff := cmp.Diff(want, levels(t, &topics, "p/", limit, retained)); diff != "" {
				t.Errorf("limit %d: %s", limit, diff)
			}
			top := []string{"p children=100 retained=true messages=101", "p-1 children=0 retained=true messages=0", "q children=0 retained=false messages=1"}
			if diff := cmp.Diff(top, levels(t, &topics, "", limit, retained)); diff != "" {
				t.Errorf("limit %d: %s", limit, diff)
			}
		}
	})
}

// TestLevelOfMany: one level with a million topics below costs no more than it shows.
func TestLevelOfMany(t *testing.T) {
	var topics Topics
	defer topics.Stop()
	names, calls := topic.NewNames[bool](), 0
	for i := range 100_000 {
		names.Set(fmt.Sprintf("many/%d", i), true)
	}
	names.Set("one", true)
	got := levels(t, &topics, "", 10, kept(names, &calls))
	if diff := cmp.Diff([]string{"many children=100 retained=false messages=0", "one children=0 retained=true messages=0"}, got); diff != "" {
		t.Error(diff)
	}
	if calls > 10 {
		t.Errorf("%d lookups", calls)
	}
	if n := len(levels(t, &topics, "many/", 1000, kept(names, &calls))); n != 100_000 {
		t.Errorf("%d levels", n)
	}
}

// TestLevelErrors: what the store fails with, and a cursor of nothing.
func TestLevelErrors(t *testing.T) {
	var topics Topics
	defer topics.Stop()
	failed := errors.New("no")
	broken := func(_, _ string, _ int, dst []string) ([]string, bool, error) { return dst, false, failed }
	if _, err := topics.Level("", admin.Range{Limit: 1}, noon, broken); !errors.Is(err, failed) {
		t.Error(err)
	}
	if _, err := topics.Level("", admin.Range{Limit: 1, After: "x"}, noon, broken); !errors.Is(err, admin.ErrInvalid) {
		t.Error(err)
	}
}

// TestWatch: it lasts a minute from the last look on, has a bound, and says how fast messages come.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var topics Topics
		none := func(_, _ string, _ int, dst []string) ([]string, bool, error) { return dst, true, nil }
		look := func() map[string]float64 {
			t.Helper()
			rates := make(map[string]float64)
			page, err := topics.Level("", admin.Range{Limit: 1000}, time.Now(), none)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range page.Items {
				rates[n.Level] = n.PerSecond
			}
			return rates
		}
		topics.Published("early")
		if got := look(); len(got) != 0 {
			t.Errorf("before the watch: %v", got)
		}
		for range 30 { // two a second
			time.Sleep(time.Second)
			topics.Published("steady")
			topics.Published("steady")
			look()
		}
		if got := look()["steady"]; got < 1.6 || got > 2.4 {
			t.Errorf("%v a second", got)
		}
		time.Sleep(20 * time.Second)
		look()
		time.Sleep(20 * time.Second)
		if got := look()["steady"]; got != 0 {
			t.Errorf("when none come any more: %v a second", got)
		}
		time.Sleep(59 * time.Second)
		if topics.watch.Load() == nil {
			t.Error("the watch has ended early")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if topics.watch.Load() != nil {
			t.Error("the watch goes on")
		}
		look()
		for i := range 3 * maxWatched {
			topics.Published(fmt.Sprint(i, strings.Repeat("x", 10)))
		}
		n := 0
		topics.watch.Load().each(time.Now(), func(string, uint64, int64, float64) { n++ })
		if n > maxWatched || n < maxWatched*9/10 {
			t.Errorf("%d topics are watched", n)
		}
		topics.Stop()
		look()
		for i := range 500 {
			topics.Published(fmt.Sprint(i, strings.Repeat("x", 60_000)))
		}
		bytes := 0
		topics.watch.Load().each(time.Now(), func(topic string, _ uint64, _ int64, _ float64) { bytes += len(topic) })
		if bytes > maxWatchedBytes || bytes < maxWatchedBytes/2 {
			t.Errorf("%d bytes of topics are watched", bytes)
		}
		topics.Stop()
	})
}

// TestPublishedCostsNothing: while nobody looks, nothing is kept.
func TestPublishedCostsNothing(t *testing.T) {
	var topics Topics
	if n := testing.AllocsPerRun(100, func() { topics.Published("a/b/c") }); n != 0 || topics.watch.Load() != nil {
		t.Errorf("%v allocations", n)
	}
	var tracer Tracer
	if tracer.On() || slices.Contains([]bool{tracer.Wants(new(Peer))}, true) {
		t.Error("somebody traces")
	}
}
