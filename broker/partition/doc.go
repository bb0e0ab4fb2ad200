// Package partition is what a partition's log says: the records, and the state machine that they
// drive. Sessions are spread over partitions by client identifier.
//
// It is pure: records in, state out; no I/O, no clock. The same State runs while the broker does,
// is rebuilt from a checkpoint and the rest of the log at start, and would follow a replicated log.
// A message is one record for all the sessions of the partition that it is stored for; a session's
// queue is references to records, a few bytes each, and the body stays in the log. Server drives it,
// one goroutine at a time.
package partition
