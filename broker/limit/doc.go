// Package limit holds what clients may not exceed: connections, how often they come, and how fast they publish.
//
// It decides and counts, and that is all: no I/O, no clock (the time is an argument), no goroutine and no timer. None
// of its tables grows without bound, and nothing is ever scanned. Package server asks a Guard about each connection,
// and holds each publisher to its Buckets.
package limit
