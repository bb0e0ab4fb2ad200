package server_test

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestFarewell: clients are told that the broker shuts down, and which one to use meanwhile if there is one.
func TestFarewell(t *testing.T) {
	for _, test := range []struct {
		reference string
		want      packet.ReasonCode
	}{{"", packet.ServerShuttingDown}, {"other:1883 third:8883", packet.UseAnotherServer}} {
		cfg := open(t)
		cfg.MQTT.ServerReference = test.reference
		b := run(t, cfg)
		c, old := b.connect("c", true, packet.V5), b.connect("old", true, packet.V311)
		p := hello("small", true, packet.V5)
		p.Properties.MaximumPacketSize = 30
		small := mqtttest.Start(t, b.addr(), p)
		b.stop()
		if got := c.Expect(packet.TypeDisconnect).Disconnect; got.Reason != test.want || got.ServerReference != test.reference || got.ReasonString == "" {
			t.Errorf("%+v", got)
		}
		got := small.Expect(packet.TypeDisconnect).Disconnect
		if got.Reason != test.want || got.ReasonString != "" || got.ServerReference != test.reference {
			t.Errorf("a client that takes 30 bytes: %+v", got)
		}
		old.ExpectEnd()
	}
}

// TestConnectWhileClosing: a client that connects in the middle of a shutdown is sent away.
func TestConnectWhileClosing(t *testing.T) {
	for _, test := range []struct {
		reference string
		v         packet.Version
		want      packet.ReasonCode
	}{
		{"", packet.V5, packet.ServerUnavailable}, {"", packet.V311, packet.ServerUnavailable},
		{"other:1883", packet.V5, packet.UseAnotherServer}, {"other:1883", packet.V311, packet.ServerUnavailable},
	} {
		cfg := open(t)
		cfg.MQTT.ServerReference = test.reference
		srv := startWith(t, cfg, server.Deps{}, func(*server.Server) {})
		closing, cancel := context.WithCancel(context.Background())
		cancel()
		near, far := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			srv.Serve(closing, far)
		}()
		c := mqtttest.New(t, near)
		got := c.Connect(hello("c", true, test.v))
		want := test.reference
		if test.v != packet.V5 {
			want = ""
		}
		if got.Reason != test.want || got.Properties.ServerReference != want {
			t.Errorf("%q, %v: %v %q", test.reference, test.v, got.Reason, got.Properties.ServerReference)
		}
		c.Close()
		<-done
	}
}

// TestResponseInformation: a client that asks is told where its answers go, if that can be said of it and it takes a
// CONNACK so large. [MQTT-3.1.2-28]
func TestResponseInformation(t *testing.T) {
	cfg := open(t)
	cfg.MQTT.ResponseTopicPrefix = "answers/${clientid}/"
	b := run(t, cfg)
	long := strings.Repeat("c", 65530)
	for _, test := range []struct {
		id    string
		asks  bool
		limit uint32
		want  string
	}{
		{"c1", true, 0, "answers/c1/"}, {"c1", false, 0, ""}, {"a/b", true, 0, ""}, {"+", true, 0, ""}, {long, true, 0, ""}, {"c1", true, 20, ""},
	} {
		p := hello(test.id, true, packet.V5)
		p.Properties.RequestResponseInformation, p.Properties.MaximumPacketSize = test.asks, test.limit
		got := mqtttest.Dial(t, b.addr()).Connect(p)
		if got.Reason != packet.Success || got.Properties.ResponseInformation != test.want {
			t.Errorf("%.20s, %v: %v %.40q", test.id, test.asks, got.Reason, got.Properties.ResponseInformation)
		}
	}
	p := hello("", true, packet.V5) // the identifier that the broker chooses
	p.Properties.RequestResponseInformation = true
	got := mqtttest.Dial(t, b.addr()).Connect(p).Properties
	if got.ResponseInformation != "answers/"+got.AssignedClientID+"/" {
		t.Errorf("%q for %q", got.ResponseInformation, got.AssignedClientID)
	}
}
