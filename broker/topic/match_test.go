package topic_test

import (
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// The examples of MQTT 5 §4.7, and what they leave open.
func TestMatch(t *testing.T) {
	for _, r := range []struct {
		filter, name string
		want         bool
	}{
		// §4.7.1.2
		{"sport/tennis/player1/#", "sport/tennis/player1", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
		{"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
		{"sport/tennis/player1/#", "sport/tennis/player2", false},
		{"sport/#", "sport", true},
		{"sport/#", "sports", false},
		{"#", "sport/tennis", true},
		{"#", "/", true},
		// §4.7.1.3
		{"sport/tennis/+", "sport/tennis/player1", true},
		{"sport/tennis/+", "sport/tennis/player2", true},
		{"sport/tennis/+", "sport/tennis/player1/ranking", false},
		{"sport/+", "sport", false},
		{"sport/+", "sport/", true},
		{"+/tennis/#", "sport/tennis/a/b", true},
		{"sport/+/player1", "sport/tennis/player1", true},
		{"sport/+/player1", "sport//player1", true},
		{"+/+", "/finance", true},
		{"/+", "/finance", true},
		{"+", "/finance", false},
		// §4.7.2
		{"#", "$SYS/uptime", false},
		{"+/monitor/Clients", "$SYS/monitor/Clients", false},
		{"$SYS/#", "$SYS/monitor/Clients", true},
		{"$SYS/#", "$SYS", true},
		{"$SYS/monitor/+", "$SYS/monitor/Clients", true},
		{"a/+", "a/$b", true},
		{"a/#", "a/$b/c", true},
		// §4.7.3
		{"ACCOUNTS", "Accounts", false},
		{"/finance", "finance", false},
		{"finance", "finance/", false},
		{"a//b", "a/b", false},
		{"+/#", "a", true},
		{"+/+/#", "a", false},
		{"a/+/#", "a/b", true},
		{"a/b", "a", false},
	} {
		if got := topic.Match(r.filter, r.name); got != r.want {
			t.Errorf("Match(%q, %q) = %v", r.filter, r.name, got)
		}
	}
}

func TestMatchAgainstNaive(t *testing.T) {
	for _, f := range someFilters() {
		for _, n := range someNames() {
			if got, want := topic.Match(f, n), naiveMatch(f, n); got != want {
				t.Errorf("Match(%q, %q) = %v, want %v", f, n, got, want)
			}
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { topic.Match("a/+/c/#", "a/b/c/d/e") }); n != 0 {
		t.Errorf("Match allocates %v times", n)
	}
}

// Covers and Overlaps are held against what they mean, over every name of a small alphabet. The names have a
// level more and a letter more than the filters, so that a difference between two filters shows.
func TestCoversAndOverlaps(t *testing.T) {
	filters, names := someFilters(), nonEmpty(sequences([]string{"", "a", "b", "$s"}, 4))
	matched := make([][]bool, len(filters))
	for i, f := range filters {
		matched[i] = make([]bool, len(names))
		for j, n := range names {
			matched[i][j] = naiveMatch(f, n)
		}
	}
	for i, a := range filters {
		for j, b := range filters {
			covers, overlaps := true, false
			for k := range names {
				covers = covers && (matched[i][k] || !matched[j][k])
				overlaps = overlaps || matched[i][k] && matched[j][k]
			}
			if got := topic.Covers(a, b); got != covers {
				t.Errorf("Covers(%q, %q) = %v", a, b, got)
			}
			if got := topic.Overlaps(a, b); got != overlaps {
				t.Errorf("Overlaps(%q, %q) = %v", a, b, got)
			}
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range [][2]string{{"#", "a"}, {"a/+/#", "a/b"}, {"+/a", "$s/a"}, {"//", "//"}, {"a/#", "a"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, filter, name string) {
		if topic.ValidFilter(filter, 0) != nil || topic.ValidName(name, 0) != nil {
			return
		}
		want := naiveMatch(filter, name)
		if got := topic.Match(filter, name); got != want {
			t.Errorf("Match(%q, %q) = %v", filter, name, got)
		}
		if got := topic.Overlaps(filter, name); got != want { // a name is a filter that matches only itself
			t.Errorf("Overlaps(%q, %q) = %v", filter, name, got)
		}
		if got := topic.Covers(filter, name); got != want {
			t.Errorf("Covers(%q, %q) = %v", filter, name, got)
		}
		index := topic.NewFilters[int]()
		index.Add(filter, 1)
		if got := len(index.Match(name, nil)) == 1; got != want {
			t.Errorf("an index with only %q matches %q: %v", filter, name, got)
		}
	})
}
