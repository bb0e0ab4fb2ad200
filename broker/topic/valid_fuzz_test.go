package topic_test

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// FuzzValid: names and filters are valid exactly where the standard's rules, taken level by level, say so.
func FuzzValid(f *testing.F) {
	for _, s := range []string{
		"", "a", "/", "a/b", "+", "#", "a/#", "a/#/b", "a+", "+a", "a/+/b", "##", "$SYS/#", "$share/g/a", "$share//a", "$share/g", "$share/g/",
		"$share/+/a", "$share/g#/a", "$share/g/a/#/b", "$share", "$shared/g/a", "a\x00b", "$share/g/$share/g/a", "\xff", strings.Repeat("a/", 200),
	} {
		f.Add(s, uint16(0))
		f.Add(s, uint16(2))
	}
	f.Fuzz(func(t *testing.T, s string, most uint16) {
		levels := int(most)
		if got, want := topic.ValidName(s, levels) == nil, naiveName(s, levels); got != want {
			t.Errorf("ValidName(%q, %d) = %v", s, levels, got)
		}
		if got, want := topic.ValidFilter(s, levels) == nil, naiveShare(s, levels); got != want {
			t.Errorf("ValidFilter(%q, %d) = %v", s, levels, got)
		}
		group, rest, shared, err := topic.ParseShare(s)
		switch {
		case err != nil && (group != "" || rest != ""):
			t.Errorf("ParseShare(%q) = %q, %q with %v", s, group, rest, err)
		case err == nil && shared && "$share/"+group+"/"+rest != s, err == nil && !shared && rest != s:
			t.Errorf("ParseShare(%q) = %q, %q, %v", s, group, rest, shared)
		}
	})
}

func naiveText(s string, levels int) bool {
	return s != "" && len(s) <= 65535 && !strings.Contains(s, "\x00") && (levels == 0 || len(strings.Split(s, "/")) <= levels)
}

func naiveName(s string, levels int) bool {
	return naiveText(s, levels) && !strings.ContainsAny(s, "+#")
}

func naiveShare(s string, levels int) bool {
	parts := strings.SplitN(s, "/", 3)
	if parts[0] != "$share" || len(parts) == 1 {
		return naiveFilter(s, levels)
	}
	return len(s) <= 65535 && len(parts) == 3 && parts[1] != "" && !strings.ContainsAny(parts[1], "+#\x00") && naiveFilter(parts[2], levels)
}

func naiveFilter(s string, levels int) bool {
	parts := strings.Split(s, "/")
	for i, part := range parts {
		if strings.ContainsAny(part, "+#") && part != "+" && (part != "#" || i != len(parts)-1) {
			return false
		}
	}
	return naiveText(s, levels)
}
