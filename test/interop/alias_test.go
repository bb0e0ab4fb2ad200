package interop

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The publisher names its topic once, and by its alias from then on.
func TestTopicAliasIn(t *testing.T) {
	t.Parallel()
	b := serve(t, open(t))
	for qos := range 3 {
		q := fmt.Sprint(qos)
		s := b.subscribe(t, "-q", q, "-t", "alias/#")
		b.publish(t, "-V", "mqttv5", "-q", q, "-t", "alias/in", "-m", "x", "-D", "publish", "topic-alias", "3", "--repeat", "4")
		s.receives(t, slices.Repeat([]string{"alias/in " + q + " 0 x"}, 4)...)
	}
	out, _ := b.tryPublish("-d", "-V", "mqttv5", "-q", "1", "-t", "alias/in", "-m", "x", "-D", "publish", "topic-alias", "33")
	if !strings.Contains(out, "DISCONNECT") && !strings.Contains(out, "Topic alias") {
		t.Errorf("alias 33:\n%s", out)
	}
}

// The subscriber is sent aliases, and knows what they stand for.
func TestTopicAliasOut(t *testing.T) {
	t.Parallel()
	if out, _ := exec.Command("mosquitto_sub", "--version").CombinedOutput(); strings.Contains(string(out), "version 2.0.") {
		t.Skip("mosquitto_sub 2.0 takes no topic alias, though it can be made to say so")
	}
	b := serve(t, open(t))
	for qos := range 3 {
		q := fmt.Sprint(qos)
		s := b.subscribe(t, "-V", "mqttv5", "-q", q, "-t", "alias/#", "-D", "connect", "topic-alias-maximum", "2")
		for i := range 12 {
			topic := fmt.Sprint("alias/out/", i%4)
			b.publish(t, "-q", q, "-t", topic, "-m", fmt.Sprint(i))
			s.receives(t, fmt.Sprint(topic, " ", q, " 0 ", i))
		}
	}
}
