// Package metrics has every metric of the broker, and shows them in Prometheus' text format.
//
// It counts nothing itself and costs the data path nothing: when it is asked, it takes one Snapshot of what the
// broker has counted anyway. No metric has a label of a client or a topic, so their number does not grow. Package
// server makes the handler; package admin serves it as /metrics.
package metrics
