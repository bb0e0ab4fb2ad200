package speed

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/load"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
)

// Run is a run of workloads on brokers.
type Run struct {
	Brokers   []*peer.Broker
	Workloads []Workload
	Sizes     Sizes
	Dir       string // for the brokers' folders
	CPUs      string // of the broker, for taskset; "": all
	Say       func(format string, args ...any)

	cells map[string][]cell // by workload and broker, a row each
	noise map[string]noise  // by workload
}

// cell is what is known of a row and a broker.
type cell struct {
	values, rates report.Series
	notes         []string // each once
}

// noise is what else the machine did during a workload, at most.
type noise struct{ others, load float64 }

func key(w *Workload, b *peer.Broker) string { return w.Name + " " + b.Name }

// payload is the size of a message, in bytes, but where a workload says another.
const payload = 64

// Do measures. What a broker cannot do, or fails to, is in its cell; an error is returned only when that broker is ours, the
// first, and all else has been measured.
func (r *Run) Do() error {
	r.cells, r.noise = make(map[string][]cell), make(map[string]noise)
	var failed error
	for round := range r.Sizes.Rounds {
		for i := range r.Workloads {
			w := &r.Workloads[i]
			if w.Once && round > 0 {
				continue
			}
			for k, b := range r.Brokers {
				if !can(b, w) {
					r.cells[key(w, b)] = make([]cell, len(w.Rows))
					continue
				}
				a, err := r.attempt(w, b)
				r.take(w, b, a, err)
				r.Say("round %d of %d, %s, %s: %s", round+1, r.Sizes.Rounds, w.Name, b.Name, describe(a, err))
				if err != nil && k == 0 && failed == nil {
					failed = fmt.Errorf("%s: %s: %w", b.Name, w.Name, err)
				}
			}
		}
	}
	return failed
}

func (r *Run) attempt(w *Workload, b *peer.Broker) (*attempt, error) {
	s := w.Setup
	if s.CPUs = r.CPUs; s.CPUs != "" {
		s.Procs = 1 + strings.Count(s.CPUs, ",")
	}
	broker, err := b.Start(r.Dir, s)
	if err != nil {
		return &attempt{}, err
	}
	defer broker.Discard()
	a := &attempt{broker: broker, sizes: r.Sizes, Target: load.Target{Addr: broker.Addr, Process: broker, Payload: payload,
		Warm: r.Sizes.Warm, Measured: r.Sizes.Measured, Stall: r.Sizes.Stall, Settle: r.Sizes.Settle}}
	err = w.run(a)
	if err == nil && len(a.values) != len(w.Rows) {
		err = fmt.Errorf("%d values for %d rows", len(a.values), len(w.Rows))
	}
	return a, err
}

// take keeps what an attempt has found.
func (r *Run) take(w *Workload, b *peer.Broker, a *attempt, err error) {
	cells := r.cells[key(w, b)]
	if cells == nil {
		cells = make([]cell, len(w.Rows))
		r.cells[key(w, b)] = cells
	}
	n := r.noise[w.Name]
	r.noise[w.Name] = noise{max(n.others, a.others), max(n.load, report.Load())}
	if err != nil {
		a.note("%s", brief(err))
	}
	if err == nil && slices.ContainsFunc(a.values, math.IsNaN) && len(a.notes) == 0 {
		a.note("too slow for the time that is measured")
	}
	for i := range cells {
		if err == nil && !math.IsNaN(a.values[i]) {
			cells[i].values = append(cells[i].values, a.values[i])
			if a.rates[i] > 0 {
				cells[i].rates = append(cells[i].rates, a.rates[i])
			}
		}
		if i == len(cells)-1 || err != nil { // what is to be said is said once
			cells[i].say(a.notes)
		}
	}
}

// maxNotes bounds what a cell says.
const maxNotes = 3

func (c *cell) say(notes []string) {
	for _, n := range notes {
		if len(c.notes) == maxNotes {
			c.notes = c.notes[:maxNotes-1]
		}
		if len(c.notes) == 0 || !strings.Contains(strings.Join(c.notes, ";"), n) {
			c.notes = append(c.notes, n)
		}
	}
}

// brief is an error's first line, short enough for a cell.
func brief(err error) string {
	const most = 120
	line, _, _ := strings.Cut(err.Error(), "\n")
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + "..."
	}
	return strings.ReplaceAll(line, "|", "/")
}

func describe(a *attempt, err error) string {
	if err != nil {
		return brief(err)
	}
	parts := make([]string, len(a.values))
	for i, v := range a.values {
		parts[i] = report.Figure(v)
		if a.rates[i] > 0 {
			parts[i] += fmt.Sprintf(" (%.0f/s)", a.rates[i])
		}
	}
	text := strings.Join(append(parts, a.notes...), ", ")
	return text + fmt.Sprintf("; others' CPU %.0f %%", a.others*100)
}
