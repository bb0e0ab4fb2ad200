// Package memory is the store of a broker that keeps nothing: all of it is in memory and gone with the process.
//
// It does no I/O and starts no goroutine; callbacks run before the call that they belong to returns.
// It is for development, for tests, and where a restart may forget. Only server opens it.
package memory
