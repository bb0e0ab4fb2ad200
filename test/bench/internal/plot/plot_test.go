package plot

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func elements(t *testing.T, svg string) map[string]int {
	t.Helper()
	n := map[string]int{}
	for d := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
		if e, ok := token.(xml.StartElement); ok {
			n[e.Name.Local]++
		}
	}
}

func TestSVG(t *testing.T) {
	bars := Bars{Title: "a < b & c", Groups: []string{"one", "two"}, Series: []Series{{"x", []float64{1, 0}}, {"y", []float64{10, 2000}}}}
	lines := Lines{Title: "t", Across: "x", X: []float64{1, 10, 100}, Series: []Series{{"<s>", []float64{3, 0, 5}}}}
	n := elements(t, SVG(bars, lines))
	// The background, three colours and three bars; the bar of 0 is none, as the point of 0 is.
	if n["rect"] != 1+3+3 || n["circle"] != 2 || n["polyline"] != 1 {
		t.Errorf("elements: %v", n)
	}
}

// Nothing, and what cannot be on a logarithmic scale, is drawn all the same.
func TestSVGOfNothing(t *testing.T) {
	for _, c := range []Chart{Bars{}, Lines{}, Bars{Groups: []string{"a"}, Series: []Series{{"x", []float64{-1}}}},
		Lines{X: []float64{1}, Series: []Series{{"x", []float64{math.Inf(1)}}}}} {
		if svg := SVG(c); elements(t, svg)["svg"] != 1 || strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%#v:\n%s", c, svg)
		}
	}
}

func TestScale(t *testing.T) {
	s := newScale([]float64{0.5, 0, 200}, 0, 400)
	for v, want := range map[float64]float64{0.1: 0, 1: 100, 10: 200, 1000: 400, 0: 0} {
		if got := s.at(v); math.Abs(got-want) > 1e-9 {
			t.Errorf("%g is at %g, want %g", v, got, want)
		}
	}
	if got := len(s.ticks()); got != 5 {
		t.Errorf("%d ticks", got)
	}
}
