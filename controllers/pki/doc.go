// Package pki issues certificates and decides when to: a CA of a Broker's own, the server and client
// certificates that it signs, and the checks of a pair that somebody else made.
//
// Its functions are pure but for randomness: the clock is an argument, and nothing is read or
// written. It never decides where a key is kept. The operator's controllers call it, and
// kubectl-mqtt for the brokers that it runs itself.
package pki
