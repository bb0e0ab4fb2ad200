package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
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

// TestPassingTopics: topics that come once are not remembered and push none out that come again; those that come again are.
func TestPassingTopics(t *testing.T) {
	c := publisher(t)
	find := func(name string, alias uint16) *route {
		t.Helper()
		r, err := c.routes.find(c.srv, c.identity, &packet.Publish{Topic: []byte(name), Alias: alias})
		if err != nil {
			t.Fatal(err)
		}
		if want := name; want != "" && r.topic != want {
			t.Fatalf("the route of %q for %q", r.topic, want)
		}
		return r
	}
	hot := find("hot", 0)
	for i := range 5000 {
		find(fmt.Sprint("once/", i), 0)
		if find("hot", 0) != hot {
			t.Fatalf("after %d topics one that comes again and again is forgotten", i)
		}
	}
	if known := len(c.routes.known); known > fewRoutes+5000/8+1 {
		t.Errorf("%d topics that came once are remembered", known)
	}
	c = publisher(t)
	for range 100 {
		for i := range 500 {
			find(fmt.Sprint("again/", i), 0)
		}
	}
	if known := len(c.routes.known); known != 500 {
		t.Errorf("%d of 500 topics are remembered", known)
	}
	for i := range 2000 {
		find(fmt.Sprint("before/", i), 0)
		if c.routes.last == c.routes.passing {
			break
		}
	}
	find(c.routes.last.topic, 7) // an alias for a topic that is passing
	name := c.routes.last.topic
	for i := range 100 {
		find(fmt.Sprint("after/", i), 0)
	}
	if got := find("", 7).topic; got != name {
		t.Errorf("the alias stands for %q and not %q", got, name)
	}
}

// TestResubscribedIsOneTarget: a subscription that takes the place of another is not found beside it, nor is there a moment with
// neither. [MQTT-3.8.4-3]
func TestResubscribedIsOneTarget(t *testing.T) {
	s := publisher(t).srv
	cl := s.clients.get(s, "sub")
	cl.identity.Store(auth.Recall("sub", "", true))
	old := &subscription{client: cl, filter: "a/+"}
	s.enlist(old, nil)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range 20_000 {
			sub := &subscription{client: cl, filter: "a/+"}
			s.enlist(sub, old)
			old = sub
		}
	}()
	for {
		if got := len(s.targets("a/b", nil)); got != 1 {
			t.Fatalf("the client is a target %d times", got)
		}
		select {
		case <-over:
			return
		default:
		}
	}
}
