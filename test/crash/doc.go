// Package crash kills a real broker at random moments, over and over, while clients publish and subscribe, and checks from
// outside that the broker keeps what it has acknowledged: messages, sessions, subscriptions, retained messages and wills.
//
// It has tests only, and speaks MQTT over TCP to a process, so that any broker can be tried: `make crash KILLS=1000`, and
// `make crash BROKER=mosquitto` for a report on Debian's Mosquitto. docs/durability.md has the numbers.
//
// A killed process loses nothing that the operating system has: that an fsync is missing does not show here. The store's own
// tests show that, on a file system that forgets what was not synced.
package crash
