package crash

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The kinds of what must not happen.
const (
	lost             = "acknowledged messages lost"
	duplicate        = "QoS 2 duplicates"
	disorder         = "out of order"
	reused           = "packet identifiers in use given to another message"
	sessionLost      = "sessions lost"
	subscriptionLost = "subscriptions lost"
	subscriptionBack = "unsubscriptions lost"
	retainedLost     = "retained messages lost or old"
	willLost         = "wills lost"
	refused          = "messages refused"
	broken           = "connections ended for no reason"
)

var kinds = []string{lost, duplicate, disorder, reused, sessionLost, subscriptionLost, subscriptionBack, retainedLost, willLost, refused, broken}

// tally counts what the clients see. Any goroutine may use it.
type tally struct {
	mu       sync.Mutex
	wrong    map[string]int
	first    map[string][]string   // some of each kind
	received int                   // messages by all subscribers, repetitions included
	repeats  int                   // QoS 1 messages that came again, which MQTT allows
	changes  int                   // acknowledged SUBSCRIBEs and UNSUBSCRIBEs
	retained int                   // acknowledged retained messages
	wills    int                   // of clients that were connected when the broker was killed
	missing  map[identity][]string // acknowledged messages, and the subscribers that have not got them
}

func newTally() *tally {
	return &tally{wrong: map[string]int{}, first: map[string][]string{}, missing: map[identity][]string{}}
}

// missed notes that a subscriber has not got a message; it counts as one of the kind however many have not.
func (y *tally) missed(kind, subscriber string, m identity) {
	y.mu.Lock()
	others := y.missing[m]
	if !slices.Contains(others, subscriber) {
		y.missing[m] = append(others, subscriber)
	}
	y.mu.Unlock()
	if len(others) == 0 {
		y.problem(kind, "%s: message %d of %s", subscriber, m.number, m.topic)
	}
}

// problem counts one of a kind.
func (y *tally) problem(kind, format string, args ...any) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.wrong[kind]++; y.wrong[kind] <= 5 {
		y.first[kind] = append(y.first[kind], fmt.Sprintf(format, args...))
	}
}

// add counts n into one of y's counters.
func (y *tally) add(counter *int, n int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	*counter += n
}

// line is the numbers so far. The publishers must be at rest.
func (y *tally) line(pubs []*publisher) string {
	y.mu.Lock()
	defer y.mu.Unlock()
	published, acknowledged := 0, 0
	for _, p := range pubs {
		for _, s := range p.streams[1:] {
			published += len(s.acked)
			acknowledged += s.count()
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d published, %d acknowledged, %d received (QoS 1 again: %d), %d subscriptions and unsubscriptions, %d retained, %d wills;",
		published, acknowledged, y.received, y.repeats, y.changes, y.retained, y.wills)
	deliveries := 0
	for _, subscribers := range y.missing {
		deliveries += len(subscribers)
	}
	for i, kind := range kinds {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, " %s: %d", kind, y.wrong[kind])
		if kind == lost && deliveries > 0 {
			fmt.Fprintf(&b, " (deliveries: %d)", deliveries)
		}
	}
	return b.String()
}

// judge reports all that was wrong, with examples.
func (y *tally) judge(report func(format string, args ...any)) {
	for _, kind := range kinds {
		if n := y.wrong[kind]; n > 0 {
			report("%s: %d, such as\n\t%s", kind, n, strings.Join(y.first[kind], "\n\t"))
		}
	}
}
