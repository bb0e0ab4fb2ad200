package topic_test

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// valid is one row of the tables of ValidName and ValidFilter.
type valid struct {
	in        string
	maxLevels int
	want      string // the error; "": valid
}

func runValid(t *testing.T, check func(string, int) error, rows []valid) {
	t.Helper()
	for _, r := range rows {
		got := ""
		if err := check(r.in, r.maxLevels); err != nil {
			got = err.Error()
		}
		if got != r.want {
			t.Errorf("%.40q, %d levels:\n got %q\nwant %q", r.in, r.maxLevels, got, r.want)
		}
	}
}

func TestValidName(t *testing.T) {
	runValid(t, topic.ValidName, []valid{
		{"sport/tennis/player1", 3, ""},
		{"/", 0, ""},
		{"/finance", 2, ""},
		{"Accounts payable", 1, ""},
		{"$SYS/uptime", 0, ""},
		{"$share/g/a", 0, ""}, // a share is made by filters only
		{"a\x01é😀", 1, ""},
		{strings.Repeat("a", 65535), 1, ""},
		{strings.Repeat("/", 65535), 0, ""},
		{"", 0, "topic name is empty"},
		{strings.Repeat("a", 65536), 0, "topic name has 65536 bytes, at most 65535 are allowed"},
		{"a/b\x00/c", 0, "topic name has the character U+0000 at byte 3 (level 2)"},
		{"a/+/c", 0, `topic name has the wildcard '+' at byte 2 (level 2)`},
		{"sport/tennis#", 0, `topic name has the wildcard '#' at byte 12 (level 2)`},
		{"a/b/c", 2, "topic name has 3 levels, at most 2 are allowed"},
		{"//", 2, "topic name has 3 levels, at most 2 are allowed"},
	})
}

func TestValidFilter(t *testing.T) {
	runValid(t, topic.ValidFilter, []valid{
		{"#", 1, ""},
		{"+", 1, ""},
		{"sport/tennis/#", 3, ""},
		{"sport/+/player1", 0, ""},
		{"+/tennis/#", 0, ""},
		{"+/+", 0, ""},
		{"/+", 0, ""},
		{"/", 2, ""},
		{"$SYS/#", 0, ""},
		{"$share", 0, ""},    // has no '/', so it is not a share
		{"$shared/x", 0, ""}, // neither is this
		{"$share/g/a/+/#", 3, ""},
		{"$share/g//", 2, ""},
		{strings.Repeat("a", 65535), 0, ""},
		{"", 0, "topic filter is empty"},
		{strings.Repeat("a", 65536), 0, "topic filter has 65536 bytes, at most 65535 are allowed"},
		{"a\x00", 0, "topic filter has the character U+0000 at byte 1 (level 1)"},
		{"sport/tennis#", 0, `topic filter has the wildcard '#' at byte 12 (level 2), which does not stand alone in its level`},
		{"sport/tennis/#/ranking", 0, `topic filter has the wildcard '#' at byte 13 (level 3), which is not the last level`},
		{"#/", 0, `topic filter has the wildcard '#' at byte 0 (level 1), which is not the last level`},
		{"sport+", 0, `topic filter has the wildcard '+' at byte 5 (level 1), which does not stand alone in its level`},
		{"+sport", 0, `topic filter has the wildcard '+' at byte 0 (level 1), which does not stand alone in its level`},
		{"a/++", 0, `topic filter has the wildcard '+' at byte 2 (level 2), which does not stand alone in its level`},
		{"a/+#", 0, `topic filter has the wildcard '+' at byte 2 (level 2), which does not stand alone in its level`},
		{"a/##", 0, `topic filter has the wildcard '#' at byte 2 (level 2), which does not stand alone in its level`},
		{"a/+/b#", 0, `topic filter has the wildcard '#' at byte 5 (level 3), which does not stand alone in its level`},
		{"a/b/#", 2, "topic filter has 3 levels, at most 2 are allowed"},
		{"$share/", 0, "shared subscription has an empty share name at byte 7"},
		{"$share//a", 0, "shared subscription has an empty share name at byte 7"},
		{"$share/g", 0, "shared subscription has no topic filter after its share name, at byte 8"},
		{"$share/g/", 0, "shared subscription has no topic filter after its share name, at byte 9"},
		{"$share/g+/a", 0, `share name has the wildcard '+' at byte 8`},
		{"$share/#", 0, `share name has the wildcard '#' at byte 7`},
		{"$share/g/a#", 0, `topic filter has the wildcard '#' at byte 10 (level 1), which does not stand alone in its level`},
		{"$share/g/a/b", 1, "topic filter has 2 levels, at most 1 are allowed"},
	})
}

func TestParseShare(t *testing.T) {
	for _, r := range []struct {
		in, group, rest string
		shared, fails   bool
	}{
		{"a/b", "", "a/b", false, false},
		{"$share", "", "$share", false, false},
		{"$share/consumer1/sport/tennis/+", "consumer1", "sport/tennis/+", true, false},
		{"$share/g//finance", "g", "/finance", true, false},
		{"$share/$share/$share/x/y", "$share", "$share/x/y", true, false},
		{"$share//a", "", "", true, true},
		{"$share/g", "", "", true, true},
		{"$share/g/", "", "", true, true},
		{"$share/a+b/x", "", "", true, true},
	} {
		group, rest, shared, err := topic.ParseShare(r.in)
		if group != r.group || rest != r.rest || shared != r.shared || (err != nil) != r.fails {
			t.Errorf("ParseShare(%q) = %q, %q, %v, %v", r.in, group, rest, shared, err)
		}
	}
}
