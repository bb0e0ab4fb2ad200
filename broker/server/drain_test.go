package server_test

import (
	"net"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestDrainPace: clients are sent away one after the other, and nobody before its turn.
func TestDrainPace(t *testing.T) {
	cfg := open(t)
	cfg.Drain.DisconnectsPerSecond = new(int32(10)) // one at once, and one each 0.1 s
	b := run(t, cfg)
	ends := make(chan time.Time)
	for _, id := range []string{"a", "b", "c"} {
		c := b.connect(id, true, packet.V5)
		go func() {
			if p, err := c.Next(); err != nil || p.Type != packet.TypeDisconnect {
				t.Errorf("client %s got %v, %v", id, p.Type, err)
			}
			ends <- time.Now()
		}()
	}
	begun := time.Now()
	b.cancel()
	for i := range 3 {
		if took := (<-ends).Sub(begun); took < time.Duration(i)*100*time.Millisecond {
			t.Errorf("client %d was sent away after %v", i, took)
		}
	}
	b.stop()
}

// TestDrainServes: a broker that stops is not ready and takes nobody in, and serves those who are to go until they go;
// when its time is over, all go.
func TestDrainServes(t *testing.T) {
	cfg := open(t)
	cfg.Drain.DisconnectsPerSecond, cfg.Drain.TimeoutSeconds = new(int32(1)), 1
	b := run(t, cfg)
	type first struct {
		of  int
		got packet.Type
	}
	heard := make(chan first)
	clients := []*mqtttest.Client{b.connect("one", true, packet.V5), b.connect("two", true, packet.V5)}
	for i, c := range clients {
		go func() {
			p, err := c.Next()
			if err != nil {
				t.Error(err)
			}
			heard <- first{i, p.Type}
		}()
	}
	b.cancel()
	gone := <-heard
	if gone.got != packet.TypeDisconnect {
		t.Fatalf("client %d got %v", gone.of, gone.got)
	}
	if err := b.NotReady(); err == nil || err.Error() != "stopping" {
		t.Errorf("it does not say that it stops: %v", err)
	}
	if nc, err := net.Dial("tcp", b.addr()); err == nil {
		_ = nc.Close()
		t.Error("it still accepts")
	}
	stays := clients[1-gone.of]
	stays.Send([]byte{0xC0, 0})
	if answer := <-heard; answer.got != packet.TypePingresp {
		t.Errorf("the client whose turn has not come got %v", answer.got)
	}
	stays.ExpectDisconnect(packet.ServerShuttingDown)
	b.stop()
}

// TestDrainOff: without a pace all are told at once.
func TestDrainOff(t *testing.T) {
	cfg := open(t)
	cfg.Drain.DisconnectsPerSecond, cfg.Drain.TimeoutSeconds = new(int32(0)), 3600
	b := run(t, cfg)
	one, two := b.connect("one", true, packet.V5), b.connect("two", true, packet.V5)
	b.stop()
	one.ExpectDisconnect(packet.ServerShuttingDown)
	two.ExpectDisconnect(packet.ServerShuttingDown)
}
