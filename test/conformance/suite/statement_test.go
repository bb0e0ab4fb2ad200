package suite

import "testing"

// TestClass: a statement is accounted for in exactly one way.
func TestClass(t *testing.T) {
	test := func(*T) {}
	for _, c := range []struct {
		name string
		s    Statement
		want Class
	}{
		{"tested", Statement{Test: test}, Tested},
		{"tested if there", Statement{Test: test, Needs: WebSocket}, Tested},
		{"client", Statement{Client: true}, ClientOnly},
		{"unit test", Statement{Inside: "why", Unit: "a TestB"}, InsideOnly},
		{"not yet", Statement{Unwritten: "why", Needs: WebSocket}, NotYet},
		{"not written", Statement{Unwritten: "why"}, NotWritten},
		{"nothing", Statement{}, ""},
		{"client and tested", Statement{Client: true, Test: test}, ""},
		{"tested and unwritten", Statement{Unwritten: "why", Test: test}, ""},
		{"no unit test", Statement{Inside: "why"}, ""},
		{"a unit test for nothing", Statement{Unit: "a TestB", Client: true}, ""},
	} {
		if got := c.s.Class(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
