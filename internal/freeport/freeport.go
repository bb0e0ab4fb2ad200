// Package freeport finds TCP ports of 127.0.0.1 for brokers of tests and benches. A port of the range that the system gives to
// clients, as port 0 is, may be somebody's connection by the time that a broker wants it; those found here are not of it.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// The ports are from lowest on, below lowest + many.
const lowest, many = 12000, 18000

// given are the ports that this process has been given: two that are found one after the other are two.
var given sync.Map

// Find is a port that nobody listens on, and that it has not found before.
func Find() (int, error) {
	for range 1000 {
		port := lowest + rand.IntN(many)
		if _, before := given.LoadOrStore(port, true); before {
			continue
		}
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port from 12000 to 30000")
}

// For is Find for a test, which fails if there is none.
func For(t interface {
	Helper()
	Fatal(args ...any)
},
) int {
	t.Helper()
	port, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	return port
}
