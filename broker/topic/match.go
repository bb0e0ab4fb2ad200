package topic

import "strings"

// Match reports whether filter matches name. It allocates nothing. MQTT 5 §4.7.
func Match(filter, name string) bool {
	if hides(filter, name) { // [MQTT-4.7.2-1]
		return false
	}
	for {
		f, filterRest, filterMore := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		level, nameRest, nameMore := strings.Cut(name, "/")
		if f != "+" && f != level {
			return false
		}
		if !nameMore {
			return !filterMore || filterRest == "#" // a trailing "/#" matches its parent too
		}
		if !filterMore {
			return false
		}
		filter, name = filterRest, nameRest
	}
}

// Covers reports whether outer matches every name that inner matches.
func Covers(outer, inner string) bool {
	if hides(outer, inner) { // [MQTT-4.7.2-1]
		return false
	}
	inner = deepened(inner)
	for {
		o, outerRest, outerMore := strings.Cut(outer, "/")
		if o == "#" {
			return true
		}
		i, innerRest, innerMore := strings.Cut(inner, "/")
		if i == "#" || o != "+" && o != i {
			return false
		}
		if !innerMore {
			return !outerMore || outerRest == "#"
		}
		if !outerMore {
			return false
		}
		outer, inner = outerRest, innerRest
	}
}

// Overlaps reports whether some name is matched by both filters.
func Overlaps(a, b string) bool {
	if hides(a, b) || hides(b, a) { // [MQTT-4.7.2-1]
		return false
	}
	a, b = deepened(a), deepened(b)
	for {
		x, aRest, aMore := strings.Cut(a, "/")
		y, bRest, bMore := strings.Cut(b, "/")
		switch {
		case x == "#" || y == "#":
			return true
		case x != y && x != "+" && y != "+":
			return false
		case !aMore && !bMore:
			return true
		case !aMore:
			return bRest == "#"
		case !bMore:
			return aRest == "#"
		}
		a, b = aRest, bRest
	}
}

// hides reports whether filter begins with a wildcard and other, a name or a filter, with a '$'.
func hides(filter, other string) bool {
	return other != "" && other[0] == '$' && filter != "" && (filter[0] == '+' || filter[0] == '#')
}

// deepened returns filter, or one that matches the same names when its '#' cannot stand for its parent:
// that would be a name without levels, or the empty one [MQTT-4.7.3-1].
func deepened(filter string) string {
	switch filter {
	case "#":
		return "+/#"
	case "/#":
		return "/+/#"
	}
	return filter
}
