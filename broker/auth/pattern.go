package auth

import (
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// pattern is a topic filter that is matched fast. The zero pattern matches nothing.
type pattern struct {
	filter  string
	literal int // how many bytes of filter every name begins with that it matches
}

func newPattern(filter string) pattern {
	i := strings.IndexAny(filter, "+#")
	switch {
	case i < 0:
		i = len(filter)
	case i > 0 && filter[i] == '#':
		i-- // "a/#" matches "a", too
	}
	return pattern{filter: filter, literal: i}
}

func (p pattern) matches(name string) bool {
	n := p.literal
	if p.filter == "" || len(name) < n || name[:n] != p.filter[:n] {
		return false
	}
	if n == len(p.filter) {
		return n == len(name)
	}
	return topic.Match(p.filter, name)
}

// Expand puts the client's own user name, client identifier and certificate's Common Name into text, as into the topics
// of an ACL. "": one that is needed is empty or has a separator or a wildcard.
func (id *Identity) Expand(text string) string { return expand(text, id, id.shown.commonName()) }

// expand puts the client's own user name, client identifier and certificate's Common Name, which is cn, into a filter. It
// returns "", which matches nothing, if one that is needed is empty or could change what the filter means: a separator, a
// wildcard, or a '$' at its beginning.
func expand(text string, id *Identity, cn string) string {
	var b strings.Builder
	for rest := text; rest != ""; {
		variable := variableAt(rest)
		if variable == "" {
			b.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		value := id.username
		switch variable {
		case "${clientid}", "%c":
			value = id.clientID
		case "${cert.cn}":
			value = cn
		}
		if value == "" || strings.ContainsAny(value, "/+#") || b.Len() == 0 && value[0] == '$' {
			return ""
		}
		b.WriteString(value)
		rest = rest[len(variable):]
	}
	return b.String()
}

// variableAt returns the variable that text begins with, or "".
func variableAt(text string) string {
	for _, v := range [...]string{"${username}", "${clientid}", "${cert.cn}", "%u", "%c"} {
		if strings.HasPrefix(text, v) {
			return v
		}
	}
	return ""
}

// hasVariable reports whether a filter differs from client to client.
func hasVariable(text string) bool {
	for i := range text {
		if variableAt(text[i:]) != "" {
			return true
		}
	}
	return false
}
