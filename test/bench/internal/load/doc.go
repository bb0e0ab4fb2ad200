// Package load is a load generator for MQTT 3.1.1 brokers: one thread, one epoll, raw packets, so that the broker and not
// the generator is what a benchmark sees.
//
// A Loop drives any number of connections; a Target's methods are the workloads, each on a Loop of its own. They are closed
// loops: a publisher keeps at most so many messages undelivered, so that no queue of a broker overflows and what is measured
// is what has arrived. What never arrives within Stall is lost, and said. What the broker has used is asked of its Process,
// at both ends of the measured interval.
//
// It judges nothing, keeps nothing on disk, and knows no broker by name. Only test/bench calls it, from one goroutine.
package load
