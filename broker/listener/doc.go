// Package listener accepts connections, over TCP or TLS, within bounds.
//
// It never reads from a connection, shakes no hands and knows nothing of MQTT: a TLS connection comes out before its
// handshake, which is for the goroutine of that connection, under its timeout. Package server calls it.
package listener
