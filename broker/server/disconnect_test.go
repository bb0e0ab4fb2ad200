package server_test

import (
	"context"
	"errors"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// TestSessionEndedIsStored: that a session has ended is said when it is stored, else a crash would bring it back.
func TestSessionEndedIsStored(t *testing.T) {
	b, f := startFaulty(t, durable(t))
	away(t, b, "a", packet.V5, filter("t", 1))
	away(t, b, "b", packet.V5, filter("t", 1))
	f.mode.Store(stuck)
	late, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.Disconnect(late, "a", true); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller gives up: %v", err)
	}
	f.works()
	f.mode.Store(refused)
	if err := b.Disconnect(context.Background(), "b", true); !errors.Is(err, admin.ErrUnavailable) {
		t.Errorf("the store refuses: %v", err)
	}
	f.mode.Store(works)
}
