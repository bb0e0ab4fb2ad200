// Package interop drives the dunlin-broker program by Mosquitto's own clients, as people do:
// mosquitto_pub, mosquitto_sub and mosquitto_passwd over TCP, TLS, unix sockets, and through relays of its own over
// WebSocket and PROXY protocol.
//
// It has tests only. They need the Debian packages mosquitto-clients and mosquitto (for
// mosquitto_passwd; its broker is not started) and fail without them; `make test` installs them.
package interop
