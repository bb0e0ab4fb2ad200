package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestDelivery(t *testing.T) {
	t.Parallel()
	b := serve(t, open(t))
	for _, version := range versions {
		for qos := range 3 {
			t.Run(fmt.Sprintf("%s/QoS%d", version, qos), func(t *testing.T) {
				q, topic := fmt.Sprint(qos), fmt.Sprintf("delivery/%s/%d", version, qos)
				s := b.subscribe(t, "-V", version, "-q", q, "-t", topic)
				for _, from := range versions {
					b.publish(t, "-V", from, "-q", q, "-t", topic, "-m", "from "+from)
					s.receives(t, topic+" "+q+" 0 from "+from)
				}
			})
		}
	}
}

// The QoS of a delivery is the lower one of the message's and the subscription's.
func TestLowerQoSWins(t *testing.T) {
	t.Parallel()
	b := serve(t, open(t))
	s := b.subscribe(t, "-q", "1", "-t", "q")
	b.publish(t, "-q", "2", "-t", "q", "-m", "down")
	b.publish(t, "-q", "0", "-t", "q", "-m", "up")
	s.receives(t, "q 1 0 down", "q 0 0 up")
}

func TestWildcards(t *testing.T) {
	t.Parallel()
	b := serve(t, open(t))
	for filter, topics := range map[string]struct{ in, out []string }{
		"house/#":      {in: []string{"house", "house/a", "house/a/b"}, out: []string{"houses/a"}},
		"room/+/temp":  {in: []string{"room/1/temp", "room//temp"}, out: []string{"room/temp", "room/1/2/temp"}},
		"+/leaf/#":     {in: []string{"x/leaf", "/leaf/y"}, out: []string{"x/y/leaf"}},
		"exact/topic/": {in: []string{"exact/topic/"}, out: []string{"exact/topic"}},
	} {
		t.Run(strings.ReplaceAll(filter, "/", "_"), func(t *testing.T) {
			s := b.subscribe(t, "-t", filter, "-t", "end")
			for _, topic := range append(topics.out, topics.in...) {
				b.publish(t, "-t", topic, "-m", "x")
			}
			b.publish(t, "-t", "end", "-m", "x")
			for _, topic := range append(topics.in, "end") {
				s.receives(t, topic+" 0 0 x")
			}
		})
	}
}

func TestRetained(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b := serve(t, open(t))
			b.publish(t, "-V", version, "-r", "-q", "1", "-t", "state/a", "-m", "old")
			b.publish(t, "-V", version, "-r", "-q", "1", "-t", "state/a", "-m", "new")
			b.publish(t, "-V", version, "-r", "-q", "1", "-t", "state/b", "-m", "gone")
			b.publish(t, "-V", version, "-r", "-q", "1", "-t", "state/b", "-n")

			s := b.subscribe(t, "-V", version, "-q", "1", "-t", "state/#")
			s.receives(t, "state/a 1 1 new")
			b.publish(t, "-V", version, "-r", "-q", "1", "-t", "state/c", "-m", "live")
			s.receives(t, "state/c 1 0 live")
		})
	}
}

func TestWill(t *testing.T) {
	t.Parallel()
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			b := serve(t, open(t))
			watcher := b.subscribe(t, "-q", "2", "-t", "will/#")
			will := func(name string) []string {
				return []string{"-V", version, "-t", "x", "--will-topic", "will/" + name, "--will-payload", "gone", "--will-qos", "1"}
			}
			b.leave(t, will("polite")...)
			killed := b.subscribe(t, will("killed")...)
			killed.signal(syscall.SIGKILL)
			watcher.receives(t, "will/killed 1 0 gone")
		})
	}
}

func TestLargePayload(t *testing.T) {
	t.Parallel()
	c := open(t)
	c.MQTT.MaxPacketSizeBytes = large + 1024
	b := serve(t, c)
	payload := strings.Repeat("0123456789abcdef", large/16)
	file := filepath.Join(t.TempDir(), "payload")
	if err := os.WriteFile(file, []byte(payload), 0o600); err != nil {
		t.Fatal(err)
	}
	s := b.subscribe(t, "-q", "2", "-t", "large")
	for _, qos := range []string{"0", "1", "2"} {
		b.publish(t, "-q", qos, "-t", "large", "-f", file)
		s.receives(t, "large "+qos+" 0 "+payload)
	}
}

// TestManyClients: very many come and go, a few at a time, and everybody is heard.
func TestManyClients(t *testing.T) {
	t.Parallel()
	b := serve(t, open(t))
	s := b.subscribe(t, "-q", "1", "-t", "many/#")
	before := b.sockets(t)
	var running sync.WaitGroup
	for part := range 4 {
		running.Go(func() {
			for i := range reconnects / 4 {
				if out, err := b.tryPublish("-q", "1", "-t", fmt.Sprintf("many/%d/%d", part, i), "-m", "x"); err != nil {
					t.Errorf("mosquitto_pub: %v\n%s", err, out)
					return
				}
			}
		})
	}
	running.Wait()
	seen := make(map[string]bool)
	for range reconnects {
		seen[s.line(">> many/")] = true
	}
	if len(seen) != reconnects {
		t.Errorf("%d different messages, want %d", len(seen), reconnects)
	}
	b.eventually(t, "all connections but one are closed", func() bool { return b.sockets(t) <= before })
}
