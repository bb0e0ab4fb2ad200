package speed

import (
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/plot"
)

// Plot is an SVG of the rows that have a name in it: what was done a second, and CPU a message.
func (r *Run) Plot() string {
	rates := plot.Bars{Title: "A second (broker and generator with a processor each; more is better)"}
	costs := plot.Bars{Title: "Broker CPU a message, microseconds (less is better)"}
	for k, b := range r.Brokers {
		rate, cost := plot.Series{Name: r.brokers()[k]}, plot.Series{Name: r.brokers()[k]}
		for i := range r.Workloads {
			w := &r.Workloads[i]
			for j, row := range w.Rows {
				if row.Plot == "" {
					continue
				}
				if k == 0 {
					rates.Groups, costs.Groups = append(rates.Groups, row.Plot), append(costs.Groups, row.Plot)
				}
				c := r.cells[key(w, b)][j]
				rate.Values, cost.Values = append(rate.Values, c.rates.Median()), append(cost.Values, c.values.Median())
			}
		}
		rates.Series, costs.Series = append(rates.Series, rate), append(costs.Series, cost)
	}
	return plot.SVG(rates, costs)
}
