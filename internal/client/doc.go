// Package client is the MQTT client of the tests that see a broker from outside, and of the benchmarks: it says exactly what it
// is told, remembers nothing of a session, and writes what is queued when it waits for an answer, so that many packets
// share a system call. Errors are returned; with package mqtttest they fail a test.
//
// It starts no goroutine, retries nothing and decides nothing; what a session's state is, is its user's affair.
package client
