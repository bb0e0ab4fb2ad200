// Package server wires the broker: listeners, connections, sessions, the subscription index, the
// retained store, authorization and deadlines. It is the only package that starts goroutines for
// clients and the only one that turns a protocol error into a CONNACK or DISCONNECT.
//
// Lock order: sysTopics, then client, then partition, then registry shard; session, store and topic locks are leaves.
// The applier never takes a client's lock, which is held while ATTACH is stored. No lock is held while a socket is read or written.
package server
