// Package partition is what a partition's log says: the records, and the state that replaying them
// yields. Sessions are spread over partitions by client identifier.
//
// It is pure: records in, state out; no I/O, no clock. The server appends records while it runs and
// rebuilds its sessions from a State at start. A message is one record for all the sessions of the
// partition that it is stored for; a session's queue refers to it by sequence number.
package partition
