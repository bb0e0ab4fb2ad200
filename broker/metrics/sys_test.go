package metrics

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// sysText is what a Sys says, a line a topic, but for the heap's size.
func sysText(y *Sys, s *Snapshot) string {
	var out strings.Builder
	for _, v := range y.Values(s) {
		if !strings.HasPrefix(v.Topic, "$SYS/broker/heap/") {
			out.WriteString(v.Topic + " " + v.Text + "\n")
		}
	}
	return out.String()
}

// TestSysTopics: the names and formats are those that Mosquitto 2.0 has.
func TestSysTopics(t *testing.T) {
	s := Snapshot{
		Version: "1.2.3", Uptime: 90*time.Second + 900*time.Millisecond,
		Sessions: 7, Subscriptions: 8, Retained: 9, QueuedMessages: 10, QueuedBytes: 11, SharedSubscriptions: 12,
		Connected: 3, ConnectedMaximum: 5, SessionsExpired: 22, Sockets: 60,
		Dropped:  map[string]uint64{DroppedQueueFull: 13, DroppedExpired: 15},
		Received: Traffic{Packets: map[string]uint64{"connect": 30, "publish": 120}, Bytes: 2600, PayloadBytes: 27},
		Sent:     Traffic{Packets: map[string]uint64{"connack": 30, "publish": 60}, Bytes: 2900, PayloadBytes: 28},
	}
	var y Sys
	y.Sample(&s, time.Minute)
	want := `$SYS/broker/version dunlin version 1.2.3
$SYS/broker/uptime 90 seconds
$SYS/broker/clients/total 7
$SYS/broker/clients/maximum 5
$SYS/broker/clients/connected 3
$SYS/broker/clients/active 3
$SYS/broker/clients/disconnected 4
$SYS/broker/clients/inactive 4
$SYS/broker/clients/expired 22
$SYS/broker/messages/received 150
$SYS/broker/messages/sent 90
$SYS/broker/messages/stored 19
$SYS/broker/store/messages/count 19
$SYS/broker/store/messages/bytes 11
$SYS/broker/publish/messages/dropped 28
$SYS/broker/publish/messages/received 120
$SYS/broker/publish/messages/sent 60
$SYS/broker/publish/bytes/received 27
$SYS/broker/publish/bytes/sent 28
$SYS/broker/bytes/received 2600
$SYS/broker/bytes/sent 2900
$SYS/broker/subscriptions/count 8
$SYS/broker/shared_subscriptions/count 12
$SYS/broker/retained messages/count 9
$SYS/broker/load/messages/received/1min 94.82
$SYS/broker/load/messages/received/5min 27.19
$SYS/broker/load/messages/received/15min 9.67
$SYS/broker/load/messages/sent/1min 56.89
$SYS/broker/load/messages/sent/5min 16.31
$SYS/broker/load/messages/sent/15min 5.80
$SYS/broker/load/publish/dropped/1min 17.70
$SYS/broker/load/publish/dropped/5min 5.08
$SYS/broker/load/publish/dropped/15min 1.81
$SYS/broker/load/publish/received/1min 75.85
$SYS/broker/load/publish/received/5min 21.75
$SYS/broker/load/publish/received/15min 7.74
$SYS/broker/load/publish/sent/1min 37.93
$SYS/broker/load/publish/sent/5min 10.88
$SYS/broker/load/publish/sent/15min 3.87
$SYS/broker/load/bytes/received/1min 1643.51
$SYS/broker/load/bytes/received/5min 471.30
$SYS/broker/load/bytes/received/15min 167.68
$SYS/broker/load/bytes/sent/1min 1833.15
$SYS/broker/load/bytes/sent/5min 525.68
$SYS/broker/load/bytes/sent/15min 187.03
$SYS/broker/load/sockets/1min 37.93
$SYS/broker/load/sockets/5min 10.88
$SYS/broker/load/sockets/15min 3.87
$SYS/broker/load/connections/1min 18.96
$SYS/broker/load/connections/5min 5.44
$SYS/broker/load/connections/15min 1.93
`
	if diff := cmp.Diff(want, sysText(&y, &s)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestLoad: an average goes to a steady rate, whatever the interval, and forgets.
func TestLoad(t *testing.T) {
	for _, every := range []time.Duration{time.Second, 10 * time.Second, time.Hour} {
		var l load
		counter := uint64(0)
		for range 4 * int(time.Hour/every) {
			counter += uint64(every / time.Second)
			l.sample(counter, every)
		}
		for i, got := range l.average {
			if math.Abs(got-60) > 0.01 {
				t.Errorf("every %s: the average of %s is %.3f, and not 60 a minute", every, windows[i].name, got)
			}
		}
		l.sample(counter, time.Minute)
		if want := 60 / math.E; math.Abs(l.average[0]-want) > 0.01 {
			t.Errorf("after a minute of nothing: %.3f, and not %.3f", l.average[0], want)
		}
	}
	var l load
	l.sample(100, 0)
	if l.average[0] != 0 || l.last != 0 {
		t.Errorf("a sample after no time at all: %+v", l)
	}
}

// TestHeap: the maximum stays.
func TestHeap(t *testing.T) {
	var y Sys
	y.Sample(&Snapshot{}, time.Second)
	if y.heap == 0 || y.heapMax < y.heap {
		t.Errorf("heap %d, at most %d", y.heap, y.heapMax)
	}
	y.heapMax = math.MaxUint64
	y.Sample(&Snapshot{}, time.Second)
	if y.heapMax != math.MaxUint64 {
		t.Error("the maximum has become less")
	}
}
