package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/load"
)

// start serves on a port until the test ends.
func start(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- newRelay().serve(l) }()
	t.Cleanup(func() {
		_ = l.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	})
	return l.Addr().String()
}

// nobody is a process that uses nothing.
type nobody struct{}

func (nobody) CPU() (time.Duration, error)          { return 0, nil }
func (nobody) Memory() (now, peak int64, err error) { return 0, 0, nil }

// What the bench asks of it comes whole, workload after workload on the same relay.
func TestWorkloads(t *testing.T) {
	target := load.Target{Addr: start(t), Process: nobody{}, Warm: 10 * time.Millisecond, Measured: 30 * time.Millisecond,
		Stall: 10 * time.Second, Payload: 64}
	for name, run := range map[string]func() (load.Flow, error){
		"fan-in-0": func() (load.Flow, error) { return target.FanIn(0, 50, 64) },
		"fan-in-1": func() (load.Flow, error) { return target.FanIn(1, 50, 64) },
		"fan-out":  func() (load.Flow, error) { return target.FanOut(0, 100, 64) },
		"pairs-0":  func() (load.Flow, error) { return target.Pairs(0, 50, 64) },
		"pairs-1":  func() (load.Flow, error) { return target.Pairs(1, 50, 64) },
	} {
		t.Run(name, func(t *testing.T) {
			if f, err := run(); err != nil || f.Lost > 0 || f.Closed > 0 {
				t.Errorf("%d delivered, %d lost, %d closed, %v", f.Delivered, f.Lost, f.Closed, err)
			}
		})
	}
	if _, err := target.Connects(200); err != nil {
		t.Errorf("connect: %v", err)
	}
	if _, err := target.Idle(200, true); err != nil {
		t.Errorf("subscribed: %v", err)
	}
	for _, flood := range []bool{false, true} {
		if r, err := target.Latency(1, 2000, flood); err != nil || r.Received != r.Sent {
			t.Errorf("latency (flood: %v): %d of %d came, %v", flood, r.Received, r.Sent, err)
		}
	}
}

// talk sends pieces, each in a write of its own, and returns what comes until the relay ends the connection.
func talk(t *testing.T, addr string, pieces ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	for _, p := range pieces {
		if _, err := c.Write([]byte(p)); err != nil {
			break // it may have ended the connection
		}
	}
	got, err := io.ReadAll(c)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		t.Errorf("%q: the connection goes on", pieces)
	}
	return string(got)
}

const (
	hello   = "\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01x"
	bye     = "\xe0\x00"
	welcome = "\x20\x02\x00\x00"
)

func TestPackets(t *testing.T) {
	addr := start(t)
	for name, test := range map[string]struct{ send, want string }{
		"ping":     {"\xc0\x00", "\xd0\x00"},
		"to name":  {"\x82\x06\x00\x01\x00\x01a\x00" + "\x30\x04\x00\x01a!", "\x90\x03\x00\x01\x00" + "\x30\x04\x00\x01a!"},
		"to tree":  {"\x82\x08\x00\x01\x00\x03b/#\x01" + "\x32\x08\x00\x03b/c\x00\x07!", "\x90\x03\x00\x01\x01" + "\x40\x02\x00\x07" + "\x32\x08\x00\x03b/c\x00\x01!"},
		"not to b": {"\x82\x08\x00\x01\x00\x03d/#\x01" + "\x30\x06\x00\x03e/c!", "\x90\x03\x00\x01\x01"},
		"lower QoS": {"\x82\x06\x00\x01\x00\x01f\x00" + "\x32\x06\x00\x01f\x00\x07!",
			"\x90\x03\x00\x01\x00" + "\x40\x02\x00\x07" + "\x30\x04\x00\x01f!"},
		"two filters, one that it cannot": {"\x82\x0c\x00\x01\x00\x03g/h\x02\x00\x01+\x00", "\x90\x04\x00\x01\x01\x80"},
	} {
		all := hello + test.send + bye
		if got := talk(t, addr, all); got != welcome+test.want {
			t.Errorf("%s: came % x, want % x", name, got, welcome+test.want)
		}
	}
}

// A packet may come in any pieces.
func TestPieces(t *testing.T) {
	payload := strings.Repeat("x", 300)
	in := &reader{relay: newRelay(), conn: &conn{}}
	all := []byte(hello + "\x82\x06\x00\x01\x00\x01a\x00" + "\x30\xaf\x02\x00\x01a" + payload)
	want := welcome + "\x90\x03\x00\x01\x00" + "\x30\xaf\x02\x00\x01a" + payload
	for cut := range all {
		in.relay, in.conn.out = newRelay(), nil
		rest, ok := in.handleAll(all[:cut])
		if !ok {
			t.Fatalf("at %d: refused", cut)
		}
		rest, ok = in.handleAll(append(bytes.Clone(rest), all[cut:]...))
		if !ok || len(rest) > 0 || string(in.conn.out) != want {
			t.Fatalf("at %d: %v, %d bytes left, %q", cut, ok, len(rest), in.conn.out)
		}
	}
}

// What a relay has no use for, or is no MQTT, ends the connection and nothing else.
func TestBadInput(t *testing.T) {
	addr := start(t)
	for name, bad := range map[string]string{
		"QoS 2":                "\x34\x06\x00\x01a\x00\x07!",
		"UNSUBSCRIBE":          "\xa2\x05\x00\x01\x00\x01a",
		"length of five bytes": "\x30\x80\x80\x80\x80\x01",
		"length without end":   "\x30\xff\xff\xff\xff",
		"longer than a read":   "\x30\xff\xff\x7f" + strings.Repeat("x", 100_000),
		"name beyond its end":  "\x30\x03\x00\x09a",
		"no name":              "\x30\x01\x00",
		"no identifier":        "\x32\x04\x00\x01a\x00",
		"empty SUBSCRIBE":      "\x82\x01\x00",
		"filter without QoS":   "\x82\x05\x00\x01\x00\x01a",
		"filter beyond":        "\x82\x05\x00\x01\x00\x09a",
		"no MQTT":              "\x00\x00",
	} {
		if got := talk(t, addr, hello, bad); got != welcome && got != "" { // what is unread when it closes may take CONNACK with it
			t.Errorf("%s: came % x", name, got)
		}
	}
	if got := talk(t, addr, hello+bye); got != welcome {
		t.Errorf("afterwards % x", got)
	}
}
