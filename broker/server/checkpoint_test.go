package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestCheckpoints restarts a broker that writes checkpoints all the time, its log trimmed to
// nothing or nearly: sessions come back as they were.
func TestCheckpoints(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := int32(ln.Addr().(*net.TCPAddr).Port)
	_ = ln.Close() // only its port was wanted
	cfg := config.Config{
		Listeners: []config.Listener{{
			ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: port}, Host: "127.0.0.1",
		}},
		Authentication: config.Authentication{AllowAnonymous: true},
		Authorization:  config.Authorization{DefaultPolicy: config.PolicyAllow},
		Store:          config.Store{Dir: t.TempDir()},
	}
	for round := range 12 {
		every := uint64(1 + round%4*7)
		checkpointRound(t, cfg, every, round)
	}
}

// failing is a log that nothing may be written to.
type failing struct{ t *testing.T }

func (f failing) Write(line []byte) (int, error) {
	f.t.Errorf("logged: %s", line)
	return len(line), nil
}

func checkpointRound(t *testing.T, cfg config.Config, every uint64, round int) {
	t.Helper()
	errorsOnly := &slog.HandlerOptions{Level: slog.LevelError}
	srv, err := New(cfg, Deps{Logger: slog.New(slog.NewTextHandler(failing{t}, errorsOnly))})
	if err != nil {
		t.Fatal(err)
	}
	srv.checkpointEvery = every
	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan error, 1)
	go func() { result <- srv.Run(ctx) }()
	select {
	case <-srv.Ready():
	case err := <-result:
		t.Fatalf("round %d: %v", round, err)
	case <-time.After(mqtttest.Patience):
		t.Fatal("not ready")
	}
	addr := srv.Addr("mqtt").String()
	if round == 0 { // a session whose partition has an empty log from now on
		idle := packet.Connect{ClientID: "idle"}
		idle.Properties.SessionExpiry, idle.Properties.HasSessionExpiry = 3600, true
		mqtttest.Start(t, addr, idle).Disconnect(packet.Disconnect{})
	}
	c := mqtttest.Dial(t, addr)
	p := packet.Connect{ClientID: "c"}
	p.Properties.SessionExpiry, p.Properties.HasSessionExpiry = 3600, true
	if got := c.Connect(p); got.SessionPresent != (round > 0) {
		t.Fatalf("round %d: session present %v", round, got.SessionPresent)
	}
	var waiting []packet.Publish
	if round == 0 {
		c.Subscribe(packet.Filter{Filter: "a", QoS: 2})
	} else {
		for i := range 20 { // of the round before
			got := c.ExpectMessage("a", fmt.Sprint(round-1, " ", i))
			waiting = append(waiting, got)
		}
	}
	for i, p := range waiting {
		c.Accept(p)
		if i%5 == 0 {
			c.Subscribe(packet.Filter{Filter: fmt.Sprint("other/", i), QoS: 1})
		}
	}
	if round%3 == 2 { // nothing is left in the log
		c.Unsubscribe("other/0")
	}
	c.Quiet()
	c.Disconnect(packet.Disconnect{})
	pub := mqtttest.Start(t, addr, packet.Connect{ClientID: "pub", CleanStart: true})
	for i := range 20 {
		pub.Say("a", fmt.Sprint(round, " ", i), byte(1+i%2))
	}
	cancel()
	if err := <-result; err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
}
