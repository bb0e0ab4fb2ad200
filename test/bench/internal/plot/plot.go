package plot

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Chart is one panel of a picture.
type Chart interface {
	height() float64
	draw(p *pen)
}

// Sizes in pixels: of the picture, and of what is around a chart's area.
const (
	width                   = 900.0
	left, right, top, below = 70.0, 20.0, 50.0, 46.0
	area                    = 220.0
)

// style has a colour for each series, chosen by the reader's preference for light or dark.
const style = `<style>
svg { font: 12px sans-serif; --back: #ffffff; --ink: #1f2328; --grid: #d0d7de; --c0: #c2410c; --c1: #1d6fb8; --c2: #2b8a3e; --c3: #8436a8; --c4: #6e7781; }
@media (prefers-color-scheme: dark) { svg { --back: #0d1117; --ink: #e6edf3; --grid: #30363d; --c0: #ff8a4c; --c1: #5aa9f0; --c2: #56c271; --c3: #c98be8; --c4: #9aa4ae; } }
.back { fill: var(--back); } text { fill: var(--ink); } .title { font-size: 15px; font-weight: bold; }
.grid { stroke: var(--grid); stroke-width: 1; } .line { fill: none; stroke-width: 2; }
.f0 { fill: var(--c0); } .f1 { fill: var(--c1); } .f2 { fill: var(--c2); } .f3 { fill: var(--c3); } .f4 { fill: var(--c4); }
.s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); }
</style>
`

// colours is how many style has.
const colours = 5

// SVG is a picture of charts, one below the other.
func SVG(charts ...Chart) string {
	p := &pen{}
	for _, c := range charts {
		c.draw(p)
		p.y += c.height()
	}
	return fmt.Sprintf("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" role=\"img\">\n", width, p.y, width, p.y) +
		style + "<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n" + p.String() + "</svg>\n"
}

// pen draws below y, which is where the chart begins.
type pen struct {
	strings.Builder
	y float64
}

func (p *pen) text(class, anchor string, x, y float64, s string) {
	fmt.Fprintf(p, "<text class=%q text-anchor=%q x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, anchor, x, p.y+y, html.EscapeString(s))
}

func (p *pen) rule(x1, y1, x2, y2 float64) {
	fmt.Fprintf(p, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x1, p.y+y1, x2, p.y+y2)
}

// head is the title and what colour is which series.
func (p *pen) head(title string, series []string) {
	p.text("title", "start", left, 20, title)
	x := left
	for i, name := range series {
		fmt.Fprintf(p, "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\"/>\n", i%colours, x, p.y+30)
		p.text("", "start", x+15, 39, name)
		x += 35 + 6.5*float64(len(name))
	}
}

// scale maps what is positive to pixels, by its logarithm.
type scale struct{ least, most, from, to float64 }

// newScale goes from power of ten to power of ten, so that all values are on it.
func newScale(values []float64, from, to float64) scale {
	least, most := math.Inf(1), 0.0
	for _, v := range values {
		if drawn(v) {
			least, most = min(least, v), max(most, v)
		}
	}
	if most == 0 {
		least, most = 1, 1
	}
	low, high := math.Floor(math.Log10(least)), math.Ceil(math.Log10(most))
	if low == high {
		high++
	}
	return scale{low, high, from, to}
}

// drawn reports whether v has a place on a logarithmic scale.
func drawn(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

func (s scale) at(v float64) float64 {
	if v <= 0 {
		return s.from
	}
	return s.from + (math.Log10(v)-s.least)/(s.most-s.least)*(s.to-s.from)
}

// ticks are the powers of ten.
func (s scale) ticks() []float64 {
	var t []float64
	for e := s.least; e <= s.most; e++ {
		t = append(t, math.Pow(10, e))
	}
	return t
}

// short is a number as an axis has it.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%g M", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%g k", v/1e3)
	}
	return fmt.Sprintf("%.3g", v)
}

// vertical draws the vertical axis.
func (p *pen) vertical(s scale) {
	for _, v := range s.ticks() {
		p.rule(left, s.at(v), width-right, s.at(v))
		p.text("", "end", left-8, s.at(v)+4, short(v))
	}
}
