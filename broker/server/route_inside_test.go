package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// TestRoutesAreBounded: long names and many targets make a connection remember fewer topics, and it counts them right.
func TestRoutesAreBounded(t *testing.T) {
	c := publisher(t)
	find := func(name string, alias uint16) {
		t.Helper()
		if _, err := c.routes.find(c.srv, c.identity, &packet.Publish{Topic: []byte(name), Alias: alias}); err != nil {
			t.Fatal(err)
		}
		size := 0
		for _, r := range c.routes.known {
			size += r.size()
		}
		if size != c.routes.bytes || size > maxRouteBytes && len(c.routes.known) > 1 || len(c.routes.known) > maxRoutes {
			t.Fatalf("%d topics of %d bytes, counted as %d", len(c.routes.known), size, c.routes.bytes)
		}
	}
	long := strings.Repeat("x", 60000)
	find("aliased", 1)
	for i := range 100 {
		find(fmt.Sprint(long, i), 0)
	}
	find("aliased", 0)
	find("", 1) // the route of before, which was forgotten
	for i := range maxRoutes + 10 {
		find(fmt.Sprint(i), 0)
	}
	// A subscription makes them all stale, and larger.
	for i := range maxRouteBytes / 64 {
		cl := c.srv.clients.get(c.srv, fmt.Sprint("sub", i))
		cl.identity.Store(c.identity)
		c.srv.index.Add("#", &subscription{client: cl, filter: "#"})
	}
	for i := range 10 {
		find(fmt.Sprint(i), 0)
		find("", 1)
	}
	if len(c.routes.known) != 1 {
		t.Errorf("%d topics with very many targets are remembered", len(c.routes.known))
	}
}
