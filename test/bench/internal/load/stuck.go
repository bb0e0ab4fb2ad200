package load

import (
	"fmt"
	"time"
)

// Stuck compares a publisher to subscribers that have stopped to read with one to as many that read.
type Stuck struct {
	Reading, Silent Flow
	Bytes           float64 // of the broker's memory, a stuck subscriber
}

// Slowdown is the broker's CPU a publish to stuck subscribers, as a multiple of that to reading ones.
func (s Stuck) Slowdown() float64 { return s.Silent.PerPublish() / s.Reading.PerPublish() }

// Stuck is one publisher of QoS 0 to n subscribers. Once all have stopped, and before anything is measured again, the broker
// is given fill messages, so that its queues are full. The publisher's window is paced by one more subscriber, who reads.
func (t Target) Stuck(n, fill, window int) (Stuck, error) {
	l, done, err := t.loop()
	if err != nil {
		return Stuck{}, err
	}
	defer done()
	pubs, subs, err := l.fanOut(0, n, window, t.Payload)
	if err != nil {
		return Stuck{}, err
	}
	pace, err := l.connect(1, "pace", true)
	if err == nil {
		err = l.subscribe(0, pace, one("fan-out/topic"))
	}
	if err != nil {
		return Stuck{}, err
	}
	for _, s := range subs {
		s.countFor(pubs)
	}
	pace[0].countFor(pubs)
	pubs[0].pub.fan = n + 1
	r := Stuck{}
	if r.Reading, err = l.flow(t, pubs); err != nil {
		return r, fmt.Errorf("to readers: %w", err)
	}
	before, err := t.resident(l)
	if err != nil {
		return r, err
	}
	for _, s := range subs {
		s.stall()
	}
	p := pubs[0].pub
	p.fan, p.sent, p.delivered = 1, 0, 0
	pubs[0].fill()
	for begin := time.Now(); p.delivered < fill; {
		if err := l.pump(50*time.Millisecond, t.Stall, pubs); err != nil {
			return r, fmt.Errorf("fill their queues: %w", err)
		}
		if time.Since(begin) > patience {
			return r, fmt.Errorf("only %d of %d messages got past stuck subscribers within %s", p.delivered, fill, patience)
		}
	}
	if r.Silent, err = l.flow(t, pubs); err != nil {
		return r, fmt.Errorf("to stuck subscribers: %w", err)
	}
	after, err := t.resident(l)
	r.Bytes = (after - before) / float64(n)
	return r, err
}
