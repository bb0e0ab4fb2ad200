package screen

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Clean is text that does nothing to a terminal: control characters and what is not UTF-8 are written as Go would quote them.
func Clean(text string) string {
	if strings.IndexFunc(text, harmful) < 0 {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case !harmful(r):
			b.WriteRune(r)
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		default:
			quoted := strconv.QuoteToASCII(string(r))
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

// harmful is also what reorders a line (bidirectional marks are of category Cf).
func harmful(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError || r == '\u2028' || r == '\u2029'
}

// cut is the beginning of text that takes at most width columns, escape sequences not counted; what is cut off is marked.
func cut(text string, width int) string {
	if width <= 0 {
		return ""
	}
	columns, styled := 0, false
	for i := 0; i < len(text); {
		if sequence := escape(text[i:]); sequence > 0 {
			styled = text[i:i+sequence] != "\x1b[0m"
			i += sequence
			continue
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		if columns++; columns == width && visible(text[i+size:]) > 0 {
			if styled {
				return text[:i] + "…\x1b[0m"
			}
			return text[:i] + "…"
		}
		i += size
	}
	return text
}

// visible is how many columns text takes, each character one.
func visible(text string) int {
	columns := 0
	for i := 0; i < len(text); {
		if sequence := escape(text[i:]); sequence > 0 {
			i += sequence
			continue
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		i += size
		columns++
	}
	return columns
}

// escape is the length of the style at the beginning of text; 0: there is none.
func escape(text string) int {
	if !strings.HasPrefix(text, "\x1b[") {
		return 0
	}
	return strings.IndexByte(text, 'm') + 1
}

// Bytes is a number of bytes for people.
func Bytes(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	unit, value := 0, float64(n)/1024
	for ; value >= 1023.95 && unit < len(units)-1; unit++ { // what would be printed as 1024.0
		value /= 1024
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + " " + units[unit:unit+1] + "iB"
}

// Count is a number with its thousands apart.
func Count[N int | int32 | int64 | uint64](n N) string {
	digits := strconv.FormatUint(uint64(max(n, 0)), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Rate is a number a second.
func Rate(perSecond float64) string {
	if perSecond < 10 {
		return strings.TrimSuffix(strconv.FormatFloat(perSecond, 'f', 1, 64), ".0") + "/s"
	}
	return Count(int64(perSecond+0.5)) + "/s"
}

// Span is a duration in its one or two largest units, as kubectl prints ages: 45s, 3m20s, 5h, 12d.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(d, 0)
	n := func(unit time.Duration) string { return strconv.FormatInt(int64(d/unit), 10) }
	rest := func(of, unit time.Duration, name string) string {
		if left := d % of / unit; left > 0 {
			return strconv.FormatInt(int64(left), 10) + name
		}
		return ""
	}
	switch {
	case d < time.Minute:
		return n(time.Second) + "s"
	case d < 10*time.Minute:
		return n(time.Minute) + "m" + rest(time.Minute, time.Second, "s")
	case d < time.Hour:
		return n(time.Minute) + "m"
	case d < 10*time.Hour:
		return n(time.Hour) + "h" + rest(time.Hour, time.Minute, "m")
	case d < 2*day:
		return n(time.Hour) + "h"
	case d < 10*day:
		return n(day) + "d" + rest(day, time.Hour, "h")
	}
	return n(day) + "d"
}

// Quote makes a word that a shell leaves alone.
func Quote(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@%+=,"
	if word != "" && strings.Trim(word, plain) == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
