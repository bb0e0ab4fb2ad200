package speed

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
)

// relayThere is what the bare relay can do: the workload, and what it needed on the machine that the goals are of, a row each, if
// it was measured there.
var relayThere = map[string][]float64{
	"fan-in-0": {0.19}, "fan-in-1": {0.33}, "fan-out": {0.16}, "pairs-0": {0.20}, "pairs-1": {0.36},
	"connect": {32}, waits: {46, 735},
	"connections": nil, "subscribed": nil, "neighbour": nil,
}

// waits is the workload of those whose rows are time under way. The others' are processor time.
const waits = "latency"

// can reports whether a broker can do a workload, or may find out itself.
func can(b *peer.Broker, w *Workload) bool {
	_, relayed := relayThere[w.Name]
	return relayed || b.Name != peer.Bare
}

// pace is how much slower this machine is than that of the goals.
type pace struct {
	rows   map[string][]float64 // by workload, a row each: by its own measurement; 0: there is none
	median float64              // of the processor time of rows; 0: nothing is known
}

// Slower is how much more processor time the bare relay needs here for pairs of QoS 1, messages and their acknowledgements,
// than on the machine of the goals. Its processes have their folders in dir.
func Slower(relay *peer.Broker, sizes Sizes, dir string, say func(string, ...any)) (float64, error) {
	const name = "pairs-1"
	at := slices.IndexFunc(Workloads, func(w Workload) bool { return w.Name == name })
	r := Run{Brokers: []*peer.Broker{relay}, Workloads: Workloads[at : at+1], Sizes: sizes, Dir: dir, Say: say}
	if err := r.Do(); err != nil {
		return 0, err
	}
	return r.pace().rows[name][0], nil
}

// pace is what the bare relay says. The zero value is that of a run without.
func (r *Run) pace() pace {
	at := r.index(peer.Bare)
	if at < 0 {
		return pace{}
	}
	p := pace{rows: map[string][]float64{}}
	var processor report.Series
	for i := range r.Workloads {
		w := &r.Workloads[i]
		for k, there := range relayThere[w.Name] {
			f := r.cells[key(w, r.Brokers[at])][k].values.Median() / there
			p.rows[w.Name] = append(p.rows[w.Name], f)
			if f > 0 && w.Name != waits {
				processor = append(processor, f)
			}
		}
	}
	p.median = processor.Median()
	return p
}

// goalHere is the goal of a row on this machine; 0: it has none. What is no time does not depend on the machine.
func (p pace) goalHere(w *Workload, row int) float64 {
	factor := 1.0
	if w.Rows[row].Unit == micro {
		own := p.rows[w.Name]
		switch {
		case row < len(own) && own[row] > 0:
			factor = own[row]
		case p.median > 0:
			factor = p.median
		}
	}
	return w.Rows[row].Goal * factor
}

// text says how the goals have come to be those here.
func (p pace) text(workloads []Workload) string {
	var factors []string
	for _, w := range workloads {
		var own []string
		for _, f := range p.rows[w.Name] {
			if f > 0 {
				own = append(own, report.Figure(f))
			}
		}
		if len(own) > 0 {
			factors = append(factors, w.Name+" "+strings.Join(own, " and "))
		}
	}
	if len(factors) == 0 {
		return "The goals are of another machine. How fast this one is, the bare relay has not said, so they stay as they are.\n\n"
	}
	text := "The goals are of another machine. What the bare relay needs here is so many times what it needed there: " +
		strings.Join(factors, ", ") + ". A goal here is the goal times that"
	if p.median > 0 {
		text += fmt.Sprintf("; for times of other rows it is the median of these but for %s, %s", waits, report.Figure(p.median))
	}
	return text + ". What is no time stays as it is. Met is by the goal here.\n\n"
}
