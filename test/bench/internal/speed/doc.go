// Package speed runs the workloads of package load on brokers in turn and makes the table that sets them beside each other,
// beside the goals that Dunlin has, and a plot. The workloads and goals are a table in workloads.go; pace.go makes goals for this
// machine of them, by what a bare relay needs.
//
// In each round every workload goes round the brokers before the next begins, each broker a new process, so that what the
// machine does meanwhile falls on all alike. Only test/bench calls it.
package speed
