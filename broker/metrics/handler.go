package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes bounds the scrapes at a time; what is beyond it gets 503.
const maxScrapes = 4

// New shows the metrics of source, of the Go runtime, and of the process.
func New(source Source) http.Handler {
	registry := prometheus.NewPedanticRegistry() // its checks are at scrape time, and cheap for so few
	registry.MustRegister(collector{source}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}
