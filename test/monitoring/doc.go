// Package monitoring tests what config/monitoring has, as Prometheus sees it: the alert rules with promtool, and each query
// of the dashboard with a Prometheus that scrapes a broker with traffic. It has no code of its own.
//
// It needs Debian's package prometheus, which `make test` installs; without it, and without CI, its tests are skipped.
package monitoring
