package speed

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
)

// references are the brokers that ratios are to: the first that there is.
var references = []string{peer.NewMosquitto, "mosquitto"}

// Table is what was measured, in Markdown: how fast the machine is, what each row costs, then what was done a second.
func (r *Run) Table() string {
	var t strings.Builder
	p := r.pace()
	t.WriteString(p.text(r.Workloads))
	r.costs(&t, p)
	t.WriteString("\n![What is done a second, and CPU a message](" + report.PlotFile("speed") + ")\n")
	t.WriteString("\nWhat was done a second meanwhile, by the broker and the generator together:\n\n")
	r.rates(&t)
	return t.String()
}

func (r *Run) costs(t *strings.Builder, p pace) {
	heads := []string{"workload", "unit"}
	heads = append(heads, r.brokers()...)
	reference := r.reference()
	if reference != nil {
		heads = append(heads, "Dunlin to "+head(reference))
	}
	line(t, append(heads, "goal", "goal here", "met", "others' CPU, load")...)
	rule(t, len(heads)+4)
	for i := range r.Workloads {
		w := &r.Workloads[i]
		for k, row := range w.Rows {
			cols := []string{row.What, row.Unit}
			for _, b := range r.Brokers {
				cols = append(cols, r.cells[key(w, b)][k].text())
			}
			if reference != nil {
				cols = append(cols, r.ratio(w, k, reference))
			}
			n := r.noise[w.Name]
			line(t, append(cols, goal(row.Goal), goal(p.goalHere(w, k)), r.met(w, k, p.goalHere(w, k)), fmt.Sprintf("%.0f %%, %.1f", n.others*100, n.load))...)
		}
	}
}

func (r *Run) rates(t *strings.Builder) {
	heads := append([]string{"workload", "a second"}, r.brokers()...)
	line(t, heads...)
	rule(t, len(heads))
	for i := range r.Workloads {
		w := &r.Workloads[i]
		for k, row := range w.Rows {
			if row.Rate == "" {
				continue
			}
			what, _, _ := strings.Cut(row.What, ": ")
			cols := []string{what, row.Rate}
			for _, b := range r.Brokers {
				cols = append(cols, r.cells[key(w, b)][k].rate())
			}
			line(t, cols...)
		}
	}
}

// brokers are the heads of their columns.
func (r *Run) brokers() []string {
	var heads []string
	for _, b := range r.Brokers {
		heads = append(heads, head(b))
	}
	return heads
}

func head(b *peer.Broker) string {
	if b.Name == peer.NewMosquitto && b.Version != "" {
		return "mosquitto " + b.Version
	}
	return strings.TrimSpace(b.Name + " " + b.Version)
}

// reference is the broker that ratios are to; nil: there is none.
func (r *Run) reference() *peer.Broker {
	for _, name := range references {
		if i := r.index(name); i > 0 && r.Brokers[i].Missing == nil {
			return r.Brokers[i]
		}
	}
	return nil
}

// index of the broker of a name; -1: it is not in the run.
func (r *Run) index(name string) int {
	for i, b := range r.Brokers {
		if b.Name == name {
			return i
		}
	}
	return -1
}

// ratio of what ours needs to what the reference does.
func (r *Run) ratio(w *Workload, row int, reference *peer.Broker) string {
	ours, theirs := r.cells[key(w, r.Brokers[0])][row].values, r.cells[key(w, reference)][row].values
	if len(ours) == 0 || len(theirs) == 0 || theirs.Median() <= 0 {
		return ""
	}
	return report.Figure(ours.Median() / theirs.Median())
}

func goal(g float64) string {
	if g == 0 {
		return ""
	}
	return report.Figure(g)
}

func (r *Run) met(w *Workload, row int, goal float64) string {
	ours := r.cells[key(w, r.Brokers[0])][row].values
	switch {
	case goal == 0:
		return ""
	case len(ours) > 0 && ours.Median() <= goal:
		return "yes"
	}
	return "**no**"
}

func (c cell) text() string {
	var parts []string
	if len(c.values) > 0 {
		parts = append(parts, c.values.Figures())
	}
	return strings.Join(append(parts, c.notes...), "; ")
}

func (c cell) rate() string {
	if len(c.rates) == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f", c.rates.Median())
}

func line(t *strings.Builder, cols ...string) {
	t.WriteString("| " + strings.Join(cols, " | ") + " |\n")
}

func rule(t *strings.Builder, n int) {
	t.WriteString("|" + strings.Join(slices.Repeat([]string{"---"}, n), "|") + "|\n")
}
