// Package poll tells when sockets have something to read, so that a connection that waits for its client needs no goroutine, and no
// stack, of its own. It has one goroutine for all of them, which itself waits in Go's network poller: there is no thread that
// blocks. It reads nothing, and knows nothing of MQTT. Package server calls it.
package poll

import "errors"

// Socket is told that it has something to read: once for every time that something has come. Whoever reads must read until there is
// nothing, and be ready to find nothing. A stream's read that does not fill its buffer has found all that there was, but not the
// end of the stream that may be right behind it.
type Socket interface {
	// Readable must not wait. over says that the end of the stream, or an error, is among what there is to read.
	Readable(over bool)
}

// ErrUnsupported says that this system's way to do it is not here: a goroutine for each connection is to wait.
var ErrUnsupported = errors.New("sockets cannot be waited for together on this system")
