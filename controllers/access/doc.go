// Package access says what ACLs allow, with the broker's own matcher and without a broker: whether an ACL's tests
// hold, which of its rules can never decide, and what a user may do.
//
// Its functions are pure. It never reads or writes an object. The operator's controllers call it, and kubectl-mqtt
// for the files that it is given.
package access
