// Package session is the session state machine: what is in flight to a client, what waits for it,
// which inbound QoS 2 packet identifiers are taken, and the bytes that its connection has to write.
//
// It does no I/O, reads no clock and starts no goroutine: callers pass the time, and whoever gets a
// Sink back from a call flushes it once its batch is done. A Session's mutex is held for memory
// work only, and nothing is called while it is held. Only server calls it. MQTT 5 §4.1, §4.3, §4.4.
package session
