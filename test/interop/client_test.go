package interop

import (
	"os/exec"
	"strings"
	"testing"
)

// versions are the protocol versions that the clients speak, as their -V takes them.
var versions = []string{"mqttv31", "mqttv311", "mqttv5"}

// publish runs mosquitto_pub on the plain listener; it must succeed.
func (b *broker) publish(t *testing.T, args ...string) {
	t.Helper()
	if out, err := b.tryPublish(args...); err != nil {
		t.Fatalf("mosquitto_pub %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// tryPublish runs mosquitto_pub and returns what it printed.
func (b *broker) tryPublish(args ...string) (string, error) {
	out, err := exec.Command("mosquitto_pub", append([]string{"-h", "127.0.0.1", "-p", b.port(0)}, args...)...).CombinedOutput()
	return string(out), err
}

// subscriber is a running mosquitto_sub.
type subscriber struct{ *process }

// format makes a line of a message that a subscriber received: `topic qos retained payload`.
const format = ">> %t %q %r %p"

// connect runs mosquitto_sub on the plain listener; stdbuf makes it print each line at once.
func (b *broker) connect(t *testing.T, args ...string) subscriber {
	t.Helper()
	return subscriber{start(t, "stdbuf", append([]string{"-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", b.port(0), "-d", "-F", format}, args...)...)}
}

// subscribe runs mosquitto_sub and returns once its subscriptions are acknowledged.
func (b *broker) subscribe(t *testing.T, args ...string) subscriber {
	t.Helper()
	s := b.connect(t, args...)
	s.line("Subscribed (mid:")
	return s
}

// receives checks that the messages come next, in order, and no other between them.
func (s subscriber) receives(t *testing.T, messages ...string) {
	t.Helper()
	for _, want := range messages {
		if got := strings.TrimPrefix(s.line(">> "), ">> "); got != want {
			t.Fatalf("received %s, want %s", short(got), short(want))
		}
	}
}

func short(s string) string {
	if len(s) > 200 {
		return s[:200] + "..."
	}
	return "'" + s + "'"
}
