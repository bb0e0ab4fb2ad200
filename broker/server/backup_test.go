package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/server"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestBackup: what one broker backs up while it works, another has after a restore, and what the
// other had is gone.
func TestBackup(t *testing.T) {
	from := start(t, durable(t))
	away(t, from, "away", packet.V5, filter("a/#", 2))
	pub := from.connect("pub", true, packet.V5)
	pub.Retain("r", "retained")
	for i := range 600 {
		pub.Say("a/b", fmt.Sprint(i), byte(1+i%2))
	}
	var backup bytes.Buffer
	if err := from.Backup(t.Context(), &backup); err != nil {
		t.Fatal(err)
	}
	pub.Say("a/b", "later", 1)

	cfg := durable(t)
	to := start(t, cfg)
	away(t, to, "other", packet.V5, filter("b", 1))
	stays := to.connect("connected", true, packet.V5)
	for _, damaged := range [][]byte{nil, backup.Bytes()[:backup.Len()-1], append([]byte("x"), backup.Bytes()...)} {
		if err := to.Restore(t.Context(), bytes.NewReader(damaged)); err == nil {
			t.Fatal("a damaged backup is restored")
		}
	}
	stays.Quiet()
	if err := to.Restore(t.Context(), bytes.NewReader(backup.Bytes())); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-to.result:
		if !errors.Is(err, server.ErrRestored) {
			t.Fatalf("Run: %v", err)
		}
	case <-time.After(mqtttest.Patience):
		t.Fatal("the broker goes on with what it had")
	}
	to.result = nil
	stays.ExpectDisconnect(packet.ServerShuttingDown)

	to = start(t, cfg)
	if _, present := resume(t, to, "other", packet.V5); present {
		t.Error("a session of before the restore is there")
	}
	c, present := resume(t, to, "away", packet.V5)
	if !present {
		t.Error("the session is not restored")
	}
	takeMany(t, c, 0, 600)
	last(c, to, "a/last")
	c = to.connect("c", true, packet.V5)
	s := packet.Subscribe{PacketID: 1, Filters: []packet.Filter{filter("r", 0)}}
	c.Send(s.Append(nil, packet.V5))
	c.ExpectMessage("r", "retained")
}

// TestReadiness: a broker whose store fails says so.
func TestReadiness(t *testing.T) {
	b, f := startFaulty(t, durable(t))
	if err := b.NotReady(); err != nil {
		t.Error(err)
	}
	f.mode.Store(refused)
	if err := b.NotReady(); !errors.Is(err, errBroken) {
		t.Errorf("ready while the store fails: %v", err)
	}
	if m := b.Metrics(); m.StoreUp {
		t.Error("the metrics say that the store works")
	}
	f.mode.Store(works)
	away(t, b, "away", packet.V5, filter("a", 1))
	b.connect("pub", true, packet.V5).Say("a", "x", 1)
	if m := b.Metrics(); !m.StoreUp || m.QueuedMessages != 1 || m.QueuedBytes != 2 || m.Subscriptions != 1 || m.StoreWrites == 0 {
		t.Errorf("metrics %+v", m)
	}
}
