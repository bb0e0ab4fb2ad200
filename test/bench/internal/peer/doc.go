// Package peer builds and starts the brokers that are measured beside each other: Dunlin, Mosquitto, mochi and nats-server,
// each told to do the same work. Nobody has to log in; nothing is kept that need not be; queues are as long as they get. Beside
// them is a relay that is no broker, to measure the machine by.
//
// What they are told is here, and in test/bench/peers, whole: a table that compares brokers is worth what their settings are.
package peer
