// Package daemon runs a real broker as a process of its own, Dunlin or one of its peers, for tests that kill it or talk to it and
// benchmarks that measure it from outside: what it has used of the processor and the memory is read from /proc (Linux).
//
// It knows nothing of what is published; only the crash test, the conformance suite and the benchmarks use it.
package daemon
