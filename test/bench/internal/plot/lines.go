package plot

import (
	"fmt"
	"strings"
)

// Lines is curves over a logarithmic axis.
type Lines struct {
	Title, Across string // what is drawn, and over what
	X             []float64
	Series        []Series // a value for each of X; 0 is none
}

func (l Lines) height() float64 { return top + area + below }

func (l Lines) draw(p *pen) {
	var names []string
	var all []float64
	for _, s := range l.Series {
		names, all = append(names, s.Name), append(all, s.Values...)
	}
	p.head(l.Title, names)
	x, y := newScale(l.X, left, width-right), newScale(all, top+area, top)
	p.vertical(y)
	for _, v := range x.ticks() {
		p.rule(x.at(v), top, x.at(v), top+area)
		p.text("", "middle", x.at(v), top+area+16, short(v))
	}
	p.text("", "middle", (left+width-right)/2, top+area+36, l.Across)
	for i, s := range l.Series {
		var points strings.Builder
		for k, v := range s.Values {
			if drawn(v) {
				fmt.Fprintf(&points, "%.1f,%.1f ", x.at(l.X[k]), p.y+y.at(v))
				fmt.Fprintf(p, "<circle class=\"f%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", i%colours, x.at(l.X[k]), p.y+y.at(v))
			}
		}
		fmt.Fprintf(p, "<polyline class=\"line s%d\" points=\"%s\"/>\n", i%colours, strings.TrimSpace(points.String()))
	}
}
