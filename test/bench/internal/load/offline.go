package load

import (
	"fmt"
	"time"
)

// Offline is what a session costs for which messages wait.
type Offline struct {
	Enqueue Usage
	Bytes   float64
	Drain   Usage
	N, Got  int
}

// EnqueueCost is the broker's CPU a message that is published, in microseconds.
func (o Offline) EnqueueCost() float64 { return micros(o.Enqueue.CPU) / float64(max(1, o.N)) }

// DrainCost is that of one delivered.
func (o Offline) DrainCost() float64 { return micros(o.Drain.CPU) / float64(max(1, o.Got)) }

// offlineWindow is how many PUBACKs the publisher waits for at most.
const offlineWindow = 200

// Offline publishes n messages by QoS 1 for a session that is away, and lets it come back.
func (t Target) Offline(n int) (Offline, error) {
	l, done, err := t.loop()
	if err != nil {
		return Offline{}, err
	}
	defer done()
	r := Offline{N: n}
	s, err := l.connectOne("offline-s", false)
	if err == nil {
		err = l.subscribe(1, []*Conn{s}, one("offline/#"))
	}
	if err != nil {
		return r, err
	}
	s.leave()
	before, err := t.resident(l)
	if err != nil {
		return r, err
	}
	if r.Enqueue, err = t.enqueue(l, n); err != nil {
		return r, err
	}
	after, _, err := t.Process.Memory()
	if err != nil {
		return r, err
	}
	r.Bytes = (float64(after) - before) / float64(n)
	r.Drain, r.Got, err = t.comeBack(l, n)
	return r, err
}

func (t Target) enqueue(l *Loop, n int) (Usage, error) {
	p, err := l.connectOne("offline-p", true)
	if err != nil {
		return Usage{}, err
	}
	p.publishes("offline/topic", 1, t.Payload, offlineWindow, 1)
	m, err := t.measure()
	if err != nil {
		return Usage{}, err
	}
	err = l.until(fmt.Sprint(n, " PUBACKs"), func() bool {
		for p.pub.sent < n && p.pub.sent-p.pub.acked < offlineWindow {
			p.queue()
		}
		l.due, p.pub.marked = l.due[:0], false
		p.flush()
		return p.pub.acked == n
	})
	if err != nil {
		return Usage{}, err
	}
	return m.end()
}

// comeBack lets the session connect again, and counts what comes until nothing more does.
func (t Target) comeBack(l *Loop, n int) (u Usage, got int, err error) {
	m, err := t.measure()
	if err != nil {
		return u, 0, err
	}
	c, err := l.dial("offline-s0", false) // connectOne has numbered it
	if err != nil {
		return u, 0, err
	}
	last := time.Now()
	for c.received < n && time.Since(last) < t.Stall && l.err == nil && c.state != stateClosed {
		l.poll(50)
		if c.received != got {
			got, last = c.received, time.Now()
		}
	}
	if u, err = m.end(); err != nil {
		return u, got, err
	}
	return u, c.received, l.err
}
