// Package listener accepts connections, over TCP, TLS, WebSocket or a unix socket.
//
// It starts no goroutine for a connection and knows nothing of MQTT: a connection comes out before anything has been
// read of it, and its first Read does what comes before MQTT - PROXY header, TLS handshake, WebSocket handshake - in the
// goroutine and under the deadline of who reads. Package server calls it.
package listener
