//go:build race

package server

// raced says that the race detector is on, under which a sync.Pool forgets some of what it is given.
const raced = true
