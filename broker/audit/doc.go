// Package audit writes who connected from where, who was refused and why, what was denied, and who called the admin API:
// one JSON object a line, in a stream beside the broker's log.
//
// It never waits for the disk, never writes a payload or a secret, and bounds what one client, and all together, can have
// it write; what is left out is counted. It knows no connection or session: package server says what happened.
package audit
