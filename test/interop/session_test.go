package interop

import (
	"fmt"
	"syscall"
	"testing"
)

func TestPersistentSession(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b := serve(t, open(t))
			args := []string{"-V", version, "-c", "-i", "keeper", "-q", "2", "-t", "offline/#"}
			b.leave(t, args...)
			b.queue(t, version)
			b.connect(t, args...).receivesQueue(t)
		})
	}
}

// What was acknowledged outlives the broker, however it ends.
func TestSessionOutlivesBroker(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]syscall.Signal{"stopped": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			c.Store.Dir = t.TempDir()
			b := serve(t, c)
			args := []string{"-V", "mqttv5", "-c", "-i", "keeper", "-q", "2", "-t", "offline/#"}
			b.leave(t, args...)
			b.queue(t, "mqttv5")
			b.publish(t, "-r", "-q", "1", "-t", "kept", "-m", "retained")
			b.restart(t, s)
			b.connect(t, args...).receivesQueue(t)
			b.subscribe(t, "-q", "1", "-t", "kept").receives(t, "kept 1 1 retained")
		})
	}
}

// A clean start drops what waited for the session.
func TestCleanSession(t *testing.T) {
	t.Parallel()
	b := serve(t, open(t))
	args := []string{"-i", "keeper", "-q", "1", "-t", "offline/#"}
	b.leave(t, append(args, "-c")...)
	b.queue(t, "mqttv311")
	s := b.subscribe(t, args...)
	b.publish(t, "-q", "1", "-t", "offline/now", "-m", "fresh")
	s.receives(t, "offline/now 1 0 fresh")
}

// A second client with the same identifier takes the session over.
func TestTakeover(t *testing.T) {
	t.Parallel()
	b := serve(t, open(t))
	first := b.subscribe(t, "-V", "mqttv5", "-i", "same", "-t", "x")
	second := b.subscribe(t, "-V", "mqttv5", "-i", "same", "-t", "x")
	first.line("Received DISCONNECT (142)") // 0x8E
	first.signal(syscall.SIGKILL)           // it would reconnect
	b.publish(t, "-t", "x", "-m", "to the second")
	second.receives(t, "x 0 0 to the second")
}

// leave subscribes and disconnects.
func (b *broker) leave(t *testing.T, args ...string) {
	t.Helper()
	if code := b.connect(t, append(args, "-E")...).end(); code != 0 {
		t.Fatalf("mosquitto_sub -E: exit code %d", code)
	}
}

// queue publishes what receivesQueue expects: QoS 1, then QoS 2, which mosquitto_sub prints when the
// handshake is done, so that mixed ones would be printed out of order.
func (b *broker) queue(t *testing.T, version string) {
	t.Helper()
	for i := range 10 {
		b.publish(t, "-V", version, "-q", fmt.Sprint(1+i/5), "-t", fmt.Sprintf("offline/%d", i), "-m", "kept")
	}
}

func (s subscriber) receivesQueue(t *testing.T) {
	t.Helper()
	for i := range 10 {
		s.receives(t, fmt.Sprintf("offline/%d %d 0 kept", i, 1+i/5))
	}
}
