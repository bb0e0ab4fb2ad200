// Package client is the MQTT client of the crash test, the conformance suite and the benchmarks: it says exactly what it
// is told, remembers nothing of a session, and writes what is queued when it waits for an answer, so that many packets
// share a system call.
//
// It starts no goroutine, retries nothing and decides nothing; what a session's state is, is its user's affair.
package client
