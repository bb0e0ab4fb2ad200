// Package admin serves what is not MQTT: health, readiness and metrics over plain HTTP, and the admin API over TLS
// with client keys that the configuration pins. By it the operator learns what the broker has loaded, and its owner
// takes backups and restores them.
//
// It changes nothing but by a restore, and shows no secret but in a backup, which has all that the broker keeps; both
// are asked for over the admin API only. Package server calls it.
package admin
