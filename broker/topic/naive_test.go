package topic_test

import "strings"

// naiveMatch is the matcher that the others are held against: short, slow, and written another way.
func naiveMatch(filter, name string) bool {
	if strings.HasPrefix(name, "$") && strings.ContainsAny(filter[:1], "+#") {
		return false
	}
	return naiveLevels(strings.Split(filter, "/"), strings.Split(name, "/"))
}

func naiveLevels(filter, name []string) bool {
	switch {
	case len(filter) == 0:
		return len(name) == 0
	case filter[0] == "#":
		return true
	case len(name) == 0:
		return false
	}
	return (filter[0] == "+" || filter[0] == name[0]) && naiveLevels(filter[1:], name[1:])
}

// sequences returns every join of one to depth levels.
func sequences(levels []string, depth int) []string {
	all := append([]string(nil), levels...)
	for last := all; depth > 1; depth-- {
		var longer []string
		for _, s := range last {
			for _, l := range levels {
				longer = append(longer, s+"/"+l)
			}
		}
		all, last = append(all, longer...), longer
	}
	return all
}

// someNames and someFilters are all names and valid filters over a small alphabet, three levels deep.
func someNames() []string {
	return nonEmpty(sequences([]string{"", "a", "b", "$s"}, 3))
}

func someFilters() []string {
	var all []string
	for _, f := range nonEmpty(sequences([]string{"", "a", "$s", "+", "#"}, 3)) {
		if i := strings.IndexByte(f, '#'); i < 0 || i == len(f)-1 {
			all = append(all, f)
		}
	}
	return all
}

func nonEmpty(all []string) []string {
	var kept []string
	for _, s := range all {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return kept
}
