package server

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/internal/mqtttest"
)

// TestWaitFor: a connection waits for a session to go until it has gone, that has failed, it is kicked, or it has waited for as long
// as a CONNECT may take.
func TestWaitFor(t *testing.T) {
	stored := func(err error) <-chan error {
		c := make(chan error, 1)
		c <- err
		return c
	}
	over := make(chan struct{})
	close(over)
	for _, test := range []struct {
		name   string
		stored <-chan error
		over   <-chan struct{}
		kick   time.Duration // 0: never
		want   error
		after  time.Duration
	}{
		{name: "stored", stored: stored(nil)},
		{name: "not stored", stored: stored(errors.New("full")), want: errNotStored},
		{name: "over", over: over},
		{name: "kicked", kick: time.Second, want: errGone, after: time.Second},
		{name: "late", want: errNotGone, after: 10 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()   //nolint:errcheck // nothing was written
			defer theirs.Close() //nolint:errcheck // nothing was written
			c := newConn(t.Context(), &Server{cfg: config.Config{MQTT: config.MQTT{ConnectTimeoutSeconds: 10}}}, nil, mqtttest.Pipe(ours))
			c.out.signal() // an old one is not a reason to go
			if test.kick > 0 {
				defer time.AfterFunc(test.kick, func() { c.kick(&packet.Error{Reason: packet.ServerShuttingDown}) }).Stop()
			}
			begun := time.Now()
			if err := c.waitFor(test.stored, test.over); !errors.Is(err, test.want) {
				t.Errorf("%s: %v", test.name, err)
			}
			if took := time.Since(begun); took != test.after {
				t.Errorf("%s: it took %v", test.name, took)
			}
		})
	}
}
