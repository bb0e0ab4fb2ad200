// Package interop drives the dunlin-broker program by the clients that people use.
//
// Mosquitto's mosquitto_pub, mosquitto_sub, mosquitto_rr and mosquitto_passwd, over TCP, TLS, unix sockets, and through
// relays over WebSocket and PROXY protocol; paho.mqtt.golang and paho.golang (with autopaho), which go through
// scenarios; and mqtt.js, which goes through the same, written in JavaScript, on Node.js and in headless Chromium:
// folder mqttjs. The scenarios are: each QoS to each, retained messages, wills, sessions that are kept, shared
// subscriptions, payloads of 16 MiB, and coming back a thousand times.
//
// It has tests only. Without the Debian packages mosquitto-clients and mosquitto (whose broker is not started) they
// fail; without nodejs, chromium or the packages of mqttjs/package-lock.json those that need them are skipped, but in CI
// they fail. `make interop` installs everything. DUNLIN_BROKER names a program to test; otherwise it is built.
package interop
