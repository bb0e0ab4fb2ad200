package server_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// broker is a server under test.
type broker struct {
	*server.Server
	t      testing.TB
	cancel context.CancelFunc
	result chan error
}

// open is a configuration that lets everybody do everything on one plain listener.
func open(t testing.TB) config.Config {
	return config.Config{
		Listeners: []config.Listener{{
			ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: int32(freeport.For(t))}, Host: "127.0.0.1",
		}},
		Authentication: config.Authentication{AllowAnonymous: true},
		Authorization:  config.Authorization{DefaultPolicy: config.PolicyAllow},
	}
}

// run starts a broker. When the test ends it is stopped, and no goroutine of it may be left.
func run(t testing.TB, cfg config.Config) *broker {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() { noLeak(t, before) })
	return start(t, cfg)
}

// start is run without a look at goroutines.
func start(t testing.TB, cfg config.Config) *broker {
	t.Helper()
	return startWith(t, cfg, server.Deps{}, func(*server.Server) {})
}

// clock is a wall clock that a test sets.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(seconds int) { c.ahead.Add(int64(seconds) * int64(time.Second)) }

// stopped is a clock that stands still but for what a test adds.
type stopped struct {
	at    time.Time
	ahead atomic.Int64
}

func newStopped() *stopped { return &stopped{at: time.Now()} }

func (c *stopped) now() time.Time { return c.at.Add(time.Duration(c.ahead.Load())) }

func (c *stopped) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// startAt is start by a clock.
func startAt(t testing.TB, cfg config.Config, c interface{ now() time.Time }) *broker {
	t.Helper()
	return startWith(t, cfg, server.Deps{Now: c.now}, func(*server.Server) {})
}

// startWith is start with a change to the server before it runs.
func startWith(t testing.TB, cfg config.Config, deps server.Deps, change func(*server.Server)) *broker {
	t.Helper()
	if testing.Verbose() && deps.Logger == nil {
		deps.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	srv, err := server.New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	change(srv)
	ctx, cancel := context.WithCancel(context.Background())
	b := &broker{Server: srv, t: t, cancel: cancel, result: make(chan error, 1)}
	go func() { b.result <- srv.Run(ctx) }()
	select {
	case <-srv.Ready():
	case err := <-b.result:
		t.Fatalf("Run: %v", err)
	case <-time.After(mqtttest.Patience):
		t.Fatal("the broker is not ready")
	}
	t.Cleanup(b.stop)
	return b
}

// stop stops the broker and waits for it. A second time it does nothing.
func (b *broker) stop() {
	b.cancel()
	if b.result == nil {
		return
	}
	select {
	case err := <-b.result:
		if err != nil {
			b.t.Errorf("Run: %v", err)
		}
	case <-time.After(mqtttest.Patience):
		buf := make([]byte, 1<<20)
		b.t.Errorf("the broker does not stop:\n%s", buf[:runtime.Stack(buf, true)])
	}
	b.result = nil
}

func (b *broker) addr() string { return b.Addr("mqtt").String() }

// connect starts a client: a session that ends with its connection, or one of an hour.
func (b *broker) connect(id string, clean bool, v packet.Version) *mqtttest.Client {
	b.t.Helper()
	return mqtttest.Start(b.t, b.addr(), hello(id, clean, v))
}

func hello(id string, clean bool, v packet.Version) packet.Connect {
	p := packet.Connect{ClientID: id, CleanStart: clean, Version: v}
	if !clean && v == packet.V5 {
		p.Properties.SessionExpiry, p.Properties.HasSessionExpiry = 3600, true
	}
	return p
}

// noLeak waits for the number of goroutines to be what it was.
func noLeak(t testing.TB, before int) {
	t.Helper()
	deadline := time.After(mqtttest.Patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for runtime.NumGoroutine() > before {
		select {
		case <-tick.C:
		case <-deadline:
			buf := make([]byte, 1<<20)
			t.Errorf("%d goroutines, and %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			return
		}
	}
}

// eventually fails if a condition does not come true. It is for what nothing on the wire tells of.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(mqtttest.Patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// write puts content into dir/name in one step, and returns the path.
func write(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// versions runs a test for 3.1.1 and 5, with the store in memory and on disk.
func versions(t *testing.T, test func(t *testing.T, b *broker, v packet.Version)) {
	for _, store := range []string{"memory", "disk"} {
		for _, v := range []packet.Version{packet.V311, packet.V5} {
			t.Run(store+"/"+v.String(), func(t *testing.T) {
				cfg := open(t)
				if store == "disk" {
					cfg.Store.Dir = t.TempDir()
				}
				test(t, run(t, cfg), v)
			})
		}
	}
}

// text is a PUBLISH of a text.
func text(topic, payload string, qos byte) packet.Publish {
	return packet.Publish{Topic: []byte(topic), Payload: []byte(payload), QoS: qos}
}

// filter is a plain subscription.
func filter(f string, qos byte) packet.Filter { return packet.Filter{Filter: f, QoS: qos} }
