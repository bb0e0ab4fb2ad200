package topic

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// TestCompare: names are ordered level by level, wherever they begin to differ.
func TestCompare(t *testing.T) {
	parts := []string{"", "a", "b", "/", "a/", "/a", "a!", "a/b", "plant/1/", "plant/10", "plant/1!", "é"}
	long := "plants/north/line 7/"
	var names []string
	for _, p := range parts {
		for _, q := range parts {
			names = append(names, p+q, long+p+q, long[:7]+p+long+q)
		}
	}
	for _, a := range names {
		for _, b := range names {
			want := slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
			if got := cmp.Compare(compare(a, b), 0); got != want {
				t.Fatalf("%q to %q is %d, and not %d", a, b, got, want)
			}
		}
	}
}
