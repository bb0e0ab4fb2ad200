package curves

import (
	"fmt"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/load"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/plot"
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/report"
)

// Run is a run of curves on a broker.
type Run struct {
	Broker *peer.Broker
	Curves []Curve
	Sizes  Sizes
	Dir    string // for the broker's folders
	CPUs   string // of the broker, for taskset; "": all
	Say    func(format string, args ...any)

	points map[string][]point // by the curve's name
}

// Sizes are how long each point takes.
type Sizes struct {
	Small          bool // the curves' small X
	Warm, Measured time.Duration
	Settle         time.Duration
}

// The sizes: for the page, and to see that it works.
var (
	Full  = Sizes{Warm: 500 * time.Millisecond, Measured: 1500 * time.Millisecond, Settle: time.Second}
	Small = Sizes{Small: true, Warm: 10 * time.Millisecond, Measured: 40 * time.Millisecond, Settle: 10 * time.Millisecond}
)

// point is one of a curve.
type point struct {
	x      int
	values []float64
	err    error
}

// stall is when what has not come is lost.
const stall = 5 * time.Second

// Do measures all points, each on a broker of its own. It returns the first error once all is done; the others are in Text.
func (r *Run) Do() error {
	r.points = make(map[string][]point)
	var failed error
	for i := range r.Curves {
		c := &r.Curves[i]
		xs := c.X
		if r.Sizes.Small {
			xs = c.Small
		}
		for _, x := range xs {
			values, err := r.measure(c, x)
			if err != nil {
				err = fmt.Errorf("%s %d: %w", c.Name, x, err)
				if failed == nil {
					failed = err
				}
			}
			r.points[c.Name] = append(r.points[c.Name], point{x, values, err})
			r.Say("%s, %d: %s", c.Name, x, strings.Join(figures(c, values, err), ", "))
		}
	}
	return failed
}

func (r *Run) measure(c *Curve, x int) ([]float64, error) {
	s := peer.Setup{CPUs: r.CPUs}
	switch {
	case c.processors:
		s = peer.Setup{Procs: x}
		if r.CPUs != "" { // the generator keeps off the first, and what it starts would too
			s.CPUs = fmt.Sprintf("0-%d", x-1)
		}
	case r.CPUs != "":
		s.Procs = 1
	}
	var broker *peer.Running
	discard := func() {
		if broker != nil {
			broker.Discard()
			broker = nil
		}
	}
	defer discard()
	return c.run(func() (t load.Target, err error) {
		discard()
		if broker, err = r.Broker.Start(r.Dir, s); err != nil {
			return t, err
		}
		return load.Target{Addr: broker.Addr, Process: broker, Payload: 64, Stall: stall,
			Warm: r.Sizes.Warm, Measured: r.Sizes.Measured, Settle: r.Sizes.Settle}, nil
	}, x)
}

// figures are a point's columns.
func figures(c *Curve, values []float64, err error) []string {
	cols := make([]string, len(c.Heads))
	if err != nil {
		cols[0], _, _ = strings.Cut(err.Error(), "\n")
		return cols
	}
	for i, v := range values {
		cols[i] = report.Figure(v)
	}
	return cols
}

// Text is a table a curve, in Markdown, with the link to its plot.
func (r *Run) Text() string {
	var t strings.Builder
	for i := range r.Curves {
		c := &r.Curves[i]
		fmt.Fprintf(&t, "\n### %s\n\n![%s](%s)\n\n| %s | %s |\n|---%s|\n", c.Title, c.Title, report.PlotFile(c.Name),
			c.Across, strings.Join(c.Heads, " | "), strings.Repeat("|---", len(c.Heads)))
		for _, p := range r.points[c.Name] {
			fmt.Fprintf(&t, "| %d | %s |\n", p.x, strings.Join(figures(c, p.values, p.err), " | "))
		}
	}
	return t.String()
}

// Plots is an SVG by the name of each curve.
func (r *Run) Plots() map[string]string {
	svgs := make(map[string]string)
	for i := range r.Curves {
		c := &r.Curves[i]
		lines := plot.Lines{Title: c.Title, Across: c.Across, Series: make([]plot.Series, c.Lines)}
		for k := range lines.Series {
			lines.Series[k].Name = c.Heads[k]
		}
		for _, p := range r.points[c.Name] {
			if p.err != nil {
				continue
			}
			lines.X = append(lines.X, float64(p.x))
			for k := range lines.Series {
				lines.Series[k].Values = append(lines.Series[k].Values, p.values[k])
			}
		}
		svgs[c.Name] = plot.SVG(lines)
	}
	return svgs
}
