package topic

import (
	"cmp"
	"math/bits"
	"strings"
)

// compare orders names level by level, each level by its bytes: '/' counts as less than any other byte.
// So a name is followed at once by all names below it.
func compare(a, b string) int {
	n := min(len(a), len(b))
	if i := common(a, b, n); i < n {
		return cmp.Compare(rank(a[i]), rank(b[i]))
	}
	return cmp.Compare(len(a), len(b))
}

// common is how many of the first n bytes of both are the same before one differs.
func common(a, b string, n int) int {
	i := 0
	for ; i+8 <= n; i += 8 {
		if differ := headOf(a[i:]) ^ headOf(b[i:]); differ != 0 {
			return i + bits.TrailingZeros64(differ)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

func rank(c byte) int {
	if c == '/' {
		return -1
	}
	return int(c)
}

// how a scan goes on after it has looked at a name.
type how byte

const (
	from how = iota // at the first name that is not before to
	next            // at the first name after to
	past            // at the first name after to and all names below to
	stop            // not at all
)

// move is the result of looking at one name, and where to look next.
type move struct {
	match bool
	how   how
	to    string
}

// before reports whether the move leads beyond name.
func (m move) before(name string) bool {
	c := compare(name, m.to)
	switch m.how {
	case next:
		return c <= 0
	case past:
		return c <= 0 || strings.HasPrefix(name, m.to) && name[len(m.to)] == '/'
	}
	return c < 0
}

// advance says whether filter matches name, and where the next name is that it could match. The move always leads beyond name.
func advance(filter, name string) move {
	if hides(filter, name) { // [MQTT-4.7.2-1]
		return move{to: "%"} // the byte after '$'
	}
	plus := -1 // where in name the last level ends that a '+' stands for
	for start := 0; ; {
		f, rest, more := strings.Cut(filter, "/")
		if f == "#" {
			return move{match: true, how: next, to: name}
		}
		level, _, deeper := strings.Cut(name[start:], "/")
		end := start + len(level)
		if f == "+" {
			plus = end
		} else if level != f {
			if compare(level, f) < 0 {
				return move{to: name[:start] + literalPrefix(filter)}
			}
			return skip(name, plus)
		}
		switch {
		case !more && !deeper: // the names below this one are too deep
			return move{match: true, how: past, to: name}
		case !more:
			return skip(name, plus)
		case !deeper:
			return below(name, rest)
		}
		filter, start = rest, end+1
	}
}

// below goes into the subtree of name, which rest is about. A '#' alone matches name itself too.
func below(name, rest string) move {
	if prefix := literalPrefix(rest); prefix != "" {
		return move{to: name + "/" + prefix}
	}
	return move{match: rest == "#", how: next, to: name}
}

// skip leaves the subtree in which nothing more can match: that of the last level a '+' stands for.
func skip(name string, plus int) move {
	if plus < 0 {
		return move{how: stop}
	}
	return move{how: past, to: name[:plus]}
}

// literalPrefix is the levels of filter before its first wildcard: no name that it matches is before that.
func literalPrefix(filter string) string {
	i := strings.IndexAny(filter, "+#")
	if i < 0 {
		return filter
	}
	return strings.TrimSuffix(filter[:i], "/")
}
