// Package auth says who a client is and what it may do, from files that change while the broker runs.
//
// An Auth authenticates; its Policy, an immutable snapshot of users and access rules, authorizes. When the files
// change, Run loads them whole, and a new Policy takes the place of the old one in one step. What cannot be loaded
// changes nothing; where nothing could be loaded yet, nobody gets in.
//
// It never speaks MQTT, never disconnects anybody and never logs a password or a hash. Package server calls it.
package auth
