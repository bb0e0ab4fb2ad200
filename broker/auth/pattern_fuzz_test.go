package auth

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// FuzzPattern: what a client calls itself never makes a rule match more than one level for each of its levels, and a
// pattern matches what its filter does.
func FuzzPattern(f *testing.F) {
	for _, s := range [][4]string{
		{"a/${username}/#", "ann", "c", "a/ann/b"}, {"%u", "$SYS", "c", "$SYS"}, {"${clientid}", "ann", "+", "x"}, {"%c/%u", "a/b", "#", "x/y"},
		{"x%c%cy", "", "c", "xccy"}, {"a/#", "u", "c", "a"}, {"${cert.cn}/+", "+", "c", "a/b"}, {"#", "u", "c", "$SYS/a"}, {"+/b", "u", "c", "/b"}, {"${username", "u", "c", "a"},
		{"%u${clientid}", "$", "$", "$$"}, {"a/%u%c", "", "", "a/"}, {"$%u", "SYS", "c", "$SYS"}, {"%u/x", "\x00", "c", "\x00/x"},
	} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	f.Fuzz(func(t *testing.T, text, user, client, name string) {
		if validTopic(text) != nil || topic.ValidName(name, 0) != nil || strings.ContainsRune(user+client, 0) {
			return
		}
		filter := expand(text, &Identity{username: user, clientID: client}, user)
		p := newPattern(filter)
		if filter == "" {
			if p.matches(name) {
				t.Errorf("%q of %q and %q matches %q", text, user, client, name)
			}
			return
		}
		if !hasVariable(text) && filter != text {
			t.Errorf("%q became %q", text, filter)
		}
		was, is := strings.Split(text, "/"), strings.Split(filter, "/")
		if len(was) != len(is) {
			t.Fatalf("%q of %q and %q has %d levels: %q", text, user, client, len(is), filter)
		}
		for i, level := range is {
			if wild := level == "+" || level == "#"; wild && was[i] != level {
				t.Errorf("%q of %q and %q has a wildcard more: %q", text, user, client, filter)
			}
		}
		if strings.HasPrefix(filter, "$") && !strings.HasPrefix(text, "$") {
			t.Errorf("%q of %q and %q begins with $", text, user, client)
		}
		if len(filter) > topic.MaxBytes {
			return
		}
		if err := topic.ValidFilter(filter, 0); err != nil && !strings.HasPrefix(filter, "$share/") {
			t.Fatalf("%q of %q and %q: %v", text, user, client, err)
		}
		if got, want := p.matches(name), topic.Match(filter, name); got != want {
			t.Errorf("pattern %q matches %q: %v", filter, name, got)
		}
	})
}
