package plot

import "fmt"

// Bars is groups of bars, one a series in each.
type Bars struct {
	Title  string
	Groups []string
	Series []Series
}

// Series is a name and a value a group; 0 is none.
type Series struct {
	Name   string
	Values []float64
}

func (b Bars) height() float64 { return top + area + below }

func (b Bars) draw(p *pen) {
	var names []string
	var all []float64
	for _, s := range b.Series {
		names, all = append(names, s.Name), append(all, s.Values...)
	}
	p.head(b.Title, names)
	y := newScale(all, top+area, top)
	p.vertical(y)
	group := (width - left - right) / float64(max(1, len(b.Groups)))
	bar := group * 0.8 / float64(max(1, len(b.Series)))
	for g, name := range b.Groups {
		x := left + float64(g)*group
		p.text("", "middle", x+group/2, top+area+18, name)
		for i, s := range b.Series {
			if v := s.Values[g]; drawn(v) {
				at := y.at(v)
				fmt.Fprintf(p, "<rect class=\"f%d\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"><title>%s</title></rect>\n",
					i%colours, x+group*0.1+float64(i)*bar, p.y+at, bar*0.92, top+area-at, short(v))
			}
		}
	}
}
