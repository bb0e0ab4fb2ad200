// Package admin serves what is not MQTT: health and readiness over plain HTTP, and the admin API, by which the
// operator learns what the broker has loaded, over TLS with client keys that the configuration pins.
//
// It never changes anything and never shows a secret. Package server calls it.
package admin
