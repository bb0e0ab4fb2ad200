package freeport

import (
	"fmt"
	"net"
	"testing"
)

// TestFor: no port is found twice, and each can be listened on.
func TestFor(t *testing.T) {
	found := map[int]bool{}
	for range 300 {
		port := For(t)
		if found[port] || port < lowest || port >= lowest+many {
			t.Fatalf("port %d", port)
		}
		found[port] = true
	}
	for port := range found {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
