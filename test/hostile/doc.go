// Package hostile treats a real broker process as the worst of peers would: what breaks the protocol, floods of what does
// not, peers that are slow, deaf or half gone, and recorded streams with random damage (the network fuzzer, -duration and
// -seed). Every test watches a healthy client the whole time, and what the broker uses before and after: memory, goroutines
// and file descriptors.
//
// It has tests only. With -racy the broker is built with the race detector, whose reports then fail the test.
package hostile
