package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// large is the size of a large payload in bytes.
const large = 16 << 20

// reconnects is how often a client comes back.
const reconnects = 1000

// deliver sends each QoS to each.
func deliver(t *testing.T, b *broker, lib library) {
	from, to := lib(t, b, hello{}), lib(t, b, hello{})
	defer from.end()
	defer to.end()
	for granted := range byte(3) {
		topic := fmt.Sprintf("%s/%d/日本", topicOf(t), granted)
		to.subscribe(t, topic, granted)
		for qos := range byte(3) {
			for _, payload := range []string{"one", "", "three\x00\xff"} {
				from.publish(t, message{topic: topic, payload: payload, qos: qos})
			}
			low := min(qos, granted)
			receives(t, to, message{topic, "one", low, false}, message{topic, "", low, false}, message{topic, "three\x00\xff", low, false})
		}
	}
}

// retain finds the last retained message of each topic that was not cleared.
func retain(t *testing.T, b *broker, lib library) {
	from := lib(t, b, hello{})
	defer from.end()
	topic := topicOf(t)
	for qos := range byte(3) {
		from.publish(t, message{topic + "/cleared", "x", qos, true})
		from.publish(t, message{topic + "/kept", "old", qos, true})
		from.publish(t, message{topic + "/kept", "new", qos, true})
		from.publish(t, message{topic + "/cleared", "", qos, true})
		from.publish(t, message{topic, "", 1, false}) // once it is acknowledged the others have been handled, also at QoS 0
		to := lib(t, b, hello{})
		to.subscribe(t, topic+"/#", 2)
		receives(t, to, message{topic + "/kept", "new", qos, true})
		from.publish(t, message{topic + "/kept", "live", qos, true})
		receives(t, to, message{topic + "/kept", "live", qos, false})
		to.end()
	}
}

// will is heard of a client that is cut off, and not of one that says goodbye.
func will(t *testing.T, b *broker, lib library) {
	watcher := lib(t, b, hello{})
	defer watcher.end()
	topic := topicOf(t)
	watcher.subscribe(t, topic+"/#", 2)
	for qos := range byte(3) {
		w := message{fmt.Sprintf("%s/%d", topic, qos), "gone", qos, false}
		lib(t, b, hello{will: &w}).end()
		lib(t, b, hello{will: &w}).cut()
		receives(t, watcher, w)
		watcher.publish(t, message{topic: topic, payload: "marker"})
		receives(t, watcher, message{topic: topic, payload: "marker"}) // and there was one only
	}
}

// session keeps what a client missed, in order.
func session(t *testing.T, b *broker, lib library) {
	topic := topicOf(t)
	h := hello{id: topic, keep: true}
	to := lib(t, b, h)
	to.subscribe(t, topic+"/+", 2)
	to.end()
	from := lib(t, b, hello{})
	defer from.end()
	var want []message
	for qos := range byte(3) {
		for i := range 10 {
			m := message{topic: fmt.Sprintf("%s/%d", topic, i), payload: "kept", qos: qos}
			from.publish(t, m)
			if qos > 0 {
				want = append(want, m)
			}
		}
	}
	to = lib(t, b, h)
	defer to.end()
	receives(t, to, want...)
}

// share has each message go to one member of a group.
func share(t *testing.T, b *broker, lib library) {
	if !b.shares(t) {
		t.Skip("CONNACK says that shared subscriptions are not available")
	}
	topic := topicOf(t)
	from, one, two, outside := lib(t, b, hello{}), lib(t, b, hello{}), lib(t, b, hello{}), lib(t, b, hello{})
	for _, l := range []link{from, one, two, outside} {
		defer l.end()
	}
	one.subscribe(t, "$share/group/"+topic+"/#", 2)
	two.subscribe(t, "$share/group/"+topic+"/#", 2)
	outside.subscribe(t, topic+"/#", 2)
	const each = 6
	for i := range byte(3 * each) {
		from.publish(t, message{topic: fmt.Sprintf("%s/%d", topic, i), qos: i % 3})
	}
	// What each member has got, until a message that it alone gets.
	shared := make(map[message]int)
	for i, l := range []link{one, two} {
		last := message{topic: fmt.Sprintf("%s-end/%d", topic, i), qos: 1}
		l.subscribe(t, last.topic, 1)
		from.publish(t, last)
		for m := l.receive(t); m != last; m = l.receive(t) {
			shared[m]++
			shared[message{topic: fmt.Sprint("member ", i)}]++
		}
	}
	for i := range byte(3 * each) {
		m := message{topic: fmt.Sprintf("%s/%d", topic, i), qos: i % 3}
		receives(t, outside, m)
		if shared[m] != 1 {
			t.Errorf("%s came to the group %d times", m.topic, shared[m])
		}
	}
	if shared[message{topic: "member 0"}] == 0 || shared[message{topic: "member 1"}] == 0 {
		t.Errorf("one member got all: %v", shared)
	}
}

// sendLarge sends 16 MiB each way.
func sendLarge(t *testing.T, b *broker, lib library) {
	from, to := lib(t, b, hello{}), lib(t, b, hello{})
	defer from.end()
	defer to.end()
	topic := topicOf(t)
	payload := strings.Repeat("0123456789abcdef", (large-64)/16)
	to.subscribe(t, topic, 2)
	for qos := range byte(3) {
		from.publish(t, message{topic: topic, payload: payload, qos: qos})
		receives(t, to, message{topic, payload, qos, false})
	}
}

// reconnect comes back to its session very often, politely or not, and misses nothing. The broker keeps no socket.
func reconnect(t *testing.T, b *broker, lib library) {
	topic := topicOf(t)
	from := lib(t, b, hello{})
	defer from.end()
	h := hello{id: topic, keep: true}
	to := lib(t, b, h)
	to.subscribe(t, topic, 1)
	before := b.sockets(t)
	const missed = 50 // every so often it misses a message
	seen := make(map[string]bool)
	for i := range reconnects {
		if i%2 == 0 {
			to.end()
		} else {
			to.cut()
		}
		if i%missed == 0 {
			from.publish(t, message{topic: topic, payload: fmt.Sprint(i), qos: 1})
		}
		to = lib(t, b, h)
		if i%missed == 0 {
			m := to.receive(t)
			for seen[m.payload] { // again: the connection was cut before it was acknowledged
				m = to.receive(t)
			}
			if want := (message{topic: topic, payload: fmt.Sprint(i), qos: 1}); m != want {
				t.Fatalf("received %+v, want %+v", m, want)
			}
			seen[m.payload] = true
		}
	}
	b.eventually(t, "all connections but one are closed", func() bool { return b.sockets(t) <= before })
	to.end()
}

// sockets is how many the broker has open.
func (b *broker) sockets(t *testing.T) (n int) {
	t.Helper()
	open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", b.cmd.Process.Pid))
	if err != nil || len(open) == 0 {
		t.Fatalf("the broker's descriptors: %v", err)
	}
	for _, fd := range open {
		if what, err := os.Readlink(fd); err == nil && strings.HasPrefix(what, "socket:") {
			n++
		}
	}
	return n
}
