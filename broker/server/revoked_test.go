package server_test

import (
	"context"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestRevokedWhileStoreIsStuck: who is not let in any more is disconnected, though the session of another client waits for a disk
// that does not answer.
func TestRevokedWhileStoreIsStuck(t *testing.T) {
	cfg := durable(t)
	b, f := startFaulty(t, cfg)
	revoked := b.connect("revoked", true, packet.V5)
	f.mode.Store(stuck)
	waits := mqtttest.Dial(t, b.addr())
	hi := hello("waits", false, packet.V5)
	waits.Send(hi.Append(nil))
	eventually(t, "the session is on its way to the store", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.stuck) > 0
	})
	cfg.Authentication.AllowAnonymous = false
	done := make(chan bool)
	go func() { done <- b.Configure(context.Background(), cfg, "2") }()
	revoked.ExpectDisconnect(packet.NotAuthorized)
	f.works()
	<-done
	waits.Expect(packet.TypeConnack)
	waits.ExpectDisconnect(packet.NotAuthorized)
}
