package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
)

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// broker runs a broker that lets everybody in, and returns its address and what stops it.
func broker(t *testing.T, change func(*config.Config)) (address string, stop func()) {
	t.Helper()
	c := config.Config{
		Listeners:      []config.Listener{{ListenerSettings: config.ListenerSettings{Name: "one", Protocol: config.ProtocolMQTT, Port: 1}, Host: "127.0.0.1"}},
		Authentication: config.Authentication{AllowAnonymous: true},
		Authorization:  config.Authorization{DefaultPolicy: config.PolicyAllow},
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.Listeners[0].Port = int32(ln.Addr().(*net.TCPAddr).Port)
	_ = ln.Close()
	if change != nil {
		change(&c)
	}
	s, err := server.New(c, server.Deps{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-s.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	return s.Addr("one").String(), stop
}

func connect(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestExchange: messages of each QoS arrive once and in order, with their properties, more of them than may be in flight.
func TestExchange(t *testing.T) {
	const most = 3
	address, _ := broker(t, func(c *config.Config) { c.MQTT.ReceiveMaximum = most })
	got := make(chan string, 1000)
	sub := connect(t, Options{Address: address, Connect: packet.Connect{ClientID: "sub", CleanStart: true}, Received: func(p *packet.Publish) {
		properties, err := p.Properties()
		if err != nil {
			t.Error(err)
		}
		got <- fmt.Sprintf("%s %d %s %s", p.Topic, p.QoS, p.Payload, properties.ContentType)
	}})
	reasons, _, err := sub.Subscribe(t.Context(), packet.Subscribe{Filters: []packet.Filter{{Filter: "a/+", QoS: 2}, {Filter: "b", QoS: 0}}})
	if diff := cmp.Diff([]packet.ReasonCode{packet.GrantedQoS2, packet.GrantedQoS0}, reasons); diff != "" || err != nil {
		t.Fatal(err, diff)
	}
	pub := connect(t, Options{Address: address, Connect: packet.Connect{ClientID: "pub", CleanStart: true}})
	if n := pub.Connack.Properties.ReceiveMaximum; n != most {
		t.Fatalf("the broker takes %d", n)
	}
	for qos := range byte(3) {
		var answers sync.WaitGroup
		for i := range 50 {
			answers.Add(1)
			p := packet.Publish{Topic: []byte("a/b"), QoS: qos, Payload: fmt.Append(nil, i)}
			p.Forward = packet.AppendForward(nil, &packet.PublishProperties{ContentType: "n"})
			err := pub.Begin(t.Context(), p, func(_ packet.ReasonCode, err error) {
				if err != nil {
					t.Error(err)
				}
				answers.Done()
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		answers.Wait()
		for i := range 50 {
			if text, want := <-got, fmt.Sprintf("a/b %d %d n", qos, i); text != want {
				t.Fatalf("received %q, want %q", text, want)
			}
		}
	}
	if reason, err := pub.Publish(t.Context(), packet.Publish{Topic: []byte("nobody"), QoS: 1}); reason != packet.NoMatchingSubscribers || err != nil {
		t.Errorf("to nobody: %v, %v", reason, err)
	}
}

// TestRefused: a refusal is told by its reason.
func TestRefused(t *testing.T) {
	address, _ := broker(t, func(c *config.Config) {
		c.Authorization.DefaultPolicy = config.PolicyDeny
		c.MQTT.MaxPacketSizeBytes = 2000
	})
	c := connect(t, Options{Address: address, Connect: packet.Connect{CleanStart: true}})
	for qos, want := range map[byte]string{
		1: "publish to a: PUBACK with reason 0x87, Not authorized", 2: "publish to a: PUBREC with reason 0x87, Not authorized",
	} {
		reason, err := c.Publish(t.Context(), packet.Publish{Topic: []byte("a"), QoS: qos})
		var refused *RefusedError
		if err == nil || !strings.HasPrefix(err.Error(), want) || reason != packet.NotAuthorized || !errors.As(err, &refused) {
			t.Errorf("QoS %d: %v, %v", qos, reason, err)
		}
	}
	reasons, _, err := c.Subscribe(t.Context(), packet.Subscribe{Filters: []packet.Filter{{Filter: "a"}}})
	if err != nil || reasons[0] != packet.NotAuthorized {
		t.Errorf("subscribe: %v, %v", reasons, err)
	}
	_, err = c.Publish(t.Context(), packet.Publish{Topic: []byte("a"), Payload: make([]byte, 3000)})
	if err == nil || err.Error() != "publish to a: the packet has 3007 bytes, and the broker takes 2000" {
		t.Errorf("too large: %v", err)
	}
	closed, _ := broker(t, func(c *config.Config) { c.Authentication.AllowAnonymous = false })
	_, err = Dial(t.Context(), Options{Address: closed, Connect: packet.Connect{CleanStart: true}})
	if err == nil || !strings.Contains(err.Error(), "CONNACK with reason 0x87, Not authorized") {
		t.Errorf("anonymous: %v", err)
	}
}

// TestEnds: whatever ends a connection is told to who waits, and to who comes later.
func TestEnds(t *testing.T) {
	address, stop := broker(t, nil)
	first := connect(t, Options{Address: address, Connect: packet.Connect{ClientID: "c", CleanStart: true}})
	second := connect(t, Options{Address: address, Connect: packet.Connect{ClientID: "c", CleanStart: true}})
	<-first.Done()
	if err := first.Err(); err == nil || !strings.HasPrefix(err.Error(), "DISCONNECT with reason 0x8E, Session taken over") {
		t.Errorf("taken over: %v", err)
	}
	if _, err := first.Publish(t.Context(), packet.Publish{Topic: []byte("a"), QoS: 1}); err == nil || !strings.Contains(err.Error(), "taken over") {
		t.Errorf("after it: %v", err)
	}
	stop()
	<-second.Done()
	if err := second.Err(); err == nil || !strings.Contains(err.Error(), "Server shutting down") {
		t.Errorf("a broker that stops: %v", err)
	}
	if _, err := Dial(t.Context(), Options{Address: address}); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("a broker that is gone: %v", err)
	}
}

// script is a broker that answers the CONNECT with these bytes, and then is silent until the test ends.
func script(t *testing.T, answer []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = nc.Close() })
			_, _ = nc.Read(make([]byte, 1000))
			_, _ = nc.Write(answer)
			if len(answer) == 0 {
				_ = nc.Close()
			}
		}
	}()
	return ln.Addr().String()
}

// TestBadBroker: what is no MQTT 5 broker is told apart, and never waited for without end.
func TestBadBroker(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer []byte
		want   string
	}{
		{"closes", nil, "wait for CONNACK: EOF"},
		{"speaks HTTP", []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), "wait for CONNACK: "},
		{"another packet", packet.AppendPingresp(nil), "wait for CONNACK: PINGRESP came"},
	} {
		_, err := Dial(t.Context(), Options{Address: script(t, test.answer)})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, errors.New("no more time"))
	defer cancel()
	if _, err := Dial(ctx, Options{Address: script(t, []byte{0x20})}); err == nil {
		t.Error("a broker that says nothing: connected")
	}
	// A broker that is silent when it should answer pings.
	ack := packet.Connack{Properties: packet.ConnackProperties{HasServerKeepAlive: true, ServerKeepAlive: 1}}
	c := connect(t, Options{Address: script(t, ack.Append(nil, packet.V5))})
	select {
	case <-c.Done():
	case <-time.After(patience):
		t.Fatal("still connected")
	}
	if err := c.Err(); err.Error() != "the broker has been silent for 1.5s" {
		t.Error(err)
	}
}

// TestClosed: who waits when the client is closed is told.
func TestClosed(t *testing.T) {
	ack := packet.Connack{}
	c := connect(t, Options{Address: script(t, ack.Append(nil, packet.V5))})
	told := make(chan error, 1)
	if err := c.Begin(t.Context(), packet.Publish{Topic: []byte("a"), QoS: 1}, func(_ packet.ReasonCode, err error) { told <- err }); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Publish(ctx, packet.Publish{Topic: []byte("a"), QoS: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	c.Close()
	if err := <-told; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
