package server

import (
	"context"
	"io"
	"log/slog"
	"net"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// publisher is a connection that handles PUBLISHes to a server that does not run.
func publisher(t testing.TB) *conn {
	cfg := config.Config{Authentication: config.Authentication{AllowAnonymous: true}, Authorization: config.Authorization{DefaultPolicy: config.PolicyAllow}}
	s, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	if s.auth, err = auth.Open(s.cfg, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		t.Fatal(err)
	}
	id, err := s.auth.Authenticate(context.Background(), auth.Credentials{ClientID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	near, far := net.Pipe()
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	c := newConn(t.Context(), s, &s.cfg.Listeners[0], mqtttest.Pipe(near))
	c.client = s.clients.get(s, "c")
	c.sess, c.identity, c.peer.version, c.batch = c.client.sess, id, packet.V5, s.newBatch(s.now())
	return c
}

// bodies are PUBLISHes of one message: that sets an alias, by the alias, and with none.
func bodies() (first, alias, name []byte) {
	topic := []byte("plant/line 7/press/temperature")
	p := packet.Publish{Topic: topic, Alias: 5, Payload: make([]byte, 64)}
	first = p.Append(nil, packet.V5)
	p.Topic = nil
	alias = p.Append(nil, packet.V5)
	p.Topic, p.Alias = topic, 0
	return first, alias, p.Append(nil, packet.V5)
}

func (c *conn) mustPublish(t testing.TB, raw []byte) {
	if err := c.publish(packet.Header{Type: packet.TypePublish}, raw[2:], raw); err != nil {
		t.Fatal(err)
	}
}

// TestAliasKeepsNoBuffer: the topic of an alias is not in the read buffer, and to look it up allocates nothing.
func TestAliasKeepsNoBuffer(t *testing.T) {
	c := publisher(t)
	first, alias, _ := bodies()
	c.mustPublish(t, first)
	clear(first)
	c.mustPublish(t, alias)
	if got := c.routes.last.topic; got != "plant/line 7/press/temperature" {
		t.Errorf("topic %q", got)
	}
	if got := len(c.routes.aliases); got != 5 {
		t.Errorf("%d aliases are held", got)
	}
	if got := testing.AllocsPerRun(100, func() { c.mustPublish(t, alias) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func BenchmarkPublishByName(b *testing.B) {
	_, _, name := bodies()
	benchmarkPublish(b, name)
}

func BenchmarkPublishByAlias(b *testing.B) {
	_, alias, _ := bodies()
	benchmarkPublish(b, alias)
}

// benchmarkPublish handles a PUBLISH that nobody has subscribed to: all that the topic costs.
func benchmarkPublish(b *testing.B, body []byte) {
	c := publisher(b)
	first, _, _ := bodies()
	c.mustPublish(b, first)
	b.ReportAllocs()
	for b.Loop() {
		c.mustPublish(b, body)
	}
}
