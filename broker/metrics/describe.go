package metrics

import "slices"

// Info describes one metric, for the documentation.
type Info struct {
	Name, Type, Help string
	Labels           []string
}

// All are the broker's own metrics, by name. Those of the Go runtime and of the process come beside them.
func All() []Info {
	var all []Info
	add := func(kind string, d description) {
		all = append(all, Info{Name: d.name, Type: kind, Help: d.help, Labels: d.labels})
	}
	for _, m := range metrics {
		add(m.kind.ToDTO().String(), m.desc)
	}
	for _, f := range families {
		add(f.kind.ToDTO().String(), f.desc)
	}
	for _, d := range distributions {
		add("HISTOGRAM", d.desc)
	}
	slices.SortFunc(all, func(a, b Info) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return all
}
