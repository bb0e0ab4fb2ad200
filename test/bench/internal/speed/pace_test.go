package speed

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
)

// relayed is a run of some workloads of which the relay has needed so much.
func relayed(needed map[string][]float64, names ...string) *Run {
	r := &Run{Brokers: []*peer.Broker{{Name: "dunlin"}, {Name: peer.Bare, Version: "relay"}}, cells: map[string][]cell{}, noise: map[string]noise{}}
	for _, name := range names {
		w := *workload(name)
		r.Workloads = append(r.Workloads, w)
		r.cells[key(&w, r.Brokers[0])] = make([]cell, len(w.Rows))
		if v, ok := needed[name]; ok {
			r.take(&w, r.Brokers[1], &attempt{values: v, rates: make([]float64, len(v))}, nil)
		} else {
			r.take(&w, r.Brokers[1], &attempt{}, errors.New("broken"))
		}
	}
	return r
}

func workload(name string) *Workload {
	for i := range Workloads {
		if Workloads[i].Name == name {
			return &Workloads[i]
		}
	}
	return &Workload{Name: name}
}

// A row's goal moves by what the relay needed for the same, or by the median; what is no time does not.
func TestGoalsHere(t *testing.T) {
	most := map[string][]float64{"fan-in-0": {0.38}, "pairs-1": {1.08}, "connect": {128}, "latency": {92, 73.5}, "connections": {40}}
	for name, test := range map[string]struct {
		needed map[string][]float64
		times  map[string][]float64 // by workload, a row each
	}{
		"all": {most, map[string][]float64{
			"fan-in-0": {2}, "pairs-1": {3}, "connect": {4}, "latency": {2, 0.1}, // by its own
			"fan-out": {3}, "wildcards": {3}, "offline": {3, 3}, "neighbour": {3, 3}, // the relay has failed, or cannot
			"connections": {1}, "tls": {3, 1}, "stuck": {1, 1}, // kB, times
		}},
		"two, of which the median is between": {map[string][]float64{"fan-in-0": {0.19}, "fan-out": {0.48}},
			map[string][]float64{"fan-in-0": {1}, "fan-out": {3}, "wildcards": {2}, "latency": {2, 2}}},
		"latency alone": {map[string][]float64{"latency": {46, 1470}},
			map[string][]float64{"latency": {1, 2}, "fan-in-0": {1}, "wildcards": {1}, "connections": {1}}},
		"nothing": {nil, map[string][]float64{"fan-in-0": {1}, "latency": {1, 1}, "wildcards": {1}}},
	} {
		var names []string
		for w := range test.times {
			names = append(names, w)
		}
		r := relayed(test.needed, names...)
		p := r.pace()
		for i := range r.Workloads {
			w := &r.Workloads[i]
			for k, factor := range test.times[w.Name] {
				if got, want := p.goalHere(w, k), w.Rows[k].Goal*factor; math.Abs(got-want) > 1e-9*want {
					t.Errorf("%s: the goal of %q is %g, want %g", name, w.Rows[k].What, got, want)
				}
			}
		}
	}
}

// The table says the factors, both goals, and whether the one here is met.
func TestTableOfGoalsHere(t *testing.T) {
	r := relayed(map[string][]float64{"fan-in-0": {0.38}, "latency": {92, 73.5}}, "fan-in-0", "latency", "pairs-2")
	r.cells = map[string][]cell{"pairs-2 bare": make([]cell, 1), "fan-in-0 bare": r.cells["fan-in-0 bare"], "latency bare": r.cells["latency bare"]}
	for i, v := range [][]float64{{0.49}, {91, 50}, {3.3}} {
		r.take(&r.Workloads[i], r.Brokers[0], &attempt{values: v, rates: make([]float64, len(v))}, nil)
	}
	got := r.Table()
	for _, want := range []string{
		"what it needed there: fan-in-0 2.00, latency 2.00 and 0.100. A goal", "the median of these but for latency, 2.00. What",
		"| 0.490 | 0.380 | 0.250 | 0.500 | yes |", "| 91.0 | 92.0 | 45.0 | 90.0 | **no** |", "| 50.0 | 73.5 | 500 | 50.0 | yes |",
		"| 3.30 |  | 1.70 | 3.40 | yes |",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := relayed(nil, "fan-in-0").Table(); !strings.HasPrefix(got, "The goals are of another machine. How fast this one is") ||
		!strings.Contains(got, "| broken | 0.250 | 0.250 | **no** |") {
		t.Errorf("without the relay:\n%s", got)
	}
}

// What the relay is known to need is of workloads that there are, and of all their rows.
func TestRelayThere(t *testing.T) {
	for name, there := range relayThere {
		w := workload(name)
		if len(w.Rows) == 0 || there != nil && len(there) != len(w.Rows) {
			t.Errorf("%s: %d rows, and %v", name, len(w.Rows), there)
		}
		for k := range there {
			if w.Rows[k].Unit != micro || there[k] <= 0 {
				t.Errorf("%s: %v are no times", name, there)
			}
		}
	}
}

// A broker is not asked for what it cannot do: its cells are empty.
func TestCannot(t *testing.T) {
	missing := &peer.Broker{Name: peer.Bare, Missing: errors.New("not here")}
	r := &Run{Brokers: []*peer.Broker{missing}, Workloads: []Workload{*workload("fan-in-0"), *workload("pairs-2")}, Sizes: Sizes{Rounds: 1},
		Say: func(string, ...any) {}}
	if err := r.Do(); err == nil {
		t.Error("what is missing: no error")
	}
	got := r.Table()
	for _, want := range []string{"a message | us | not here | 0.250 |", "a message | us |  | 1.70 |"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
