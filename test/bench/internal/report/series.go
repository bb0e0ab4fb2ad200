package report

import (
	"fmt"
	"slices"
)

// Series is a measurement that was made more than once, or not at all.
type Series []float64

// Median is 0 of nothing.
func (s Series) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// Text is the median and, in brackets, the least and the most.
func (s Series) Text(format string) string {
	return fmt.Sprintf(format+" ("+format+" to "+format+")", s.Median(), slices.Min(s), slices.Max(s))
}

// Figure is f with three significant digits and no exponent.
func Figure(f float64) string {
	switch size := max(f, -f); {
	case size == 0:
		return "0"
	case size >= 100:
		return fmt.Sprintf("%.0f", f)
	case size >= 10:
		return fmt.Sprintf("%.1f", f)
	case size >= 1:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.3f", f)
}

// Figures is the median and, of more than one, the least and the most, as Figure has them.
func (s Series) Figures() string {
	if len(s) < 2 {
		return Figure(s.Median())
	}
	return fmt.Sprintf("%s (%s to %s)", Figure(s.Median()), Figure(slices.Min(s)), Figure(slices.Max(s)))
}
