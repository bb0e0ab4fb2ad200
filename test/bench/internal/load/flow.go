package load

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Flow is what a closed loop has measured.
type Flow struct {
	Published, Delivered int
	Usage
	Lost   int // deliveries that have not come within Stall
	Closed int // connections that the broker has closed
}

// PerPublish is the broker's CPU a message published, in microseconds; NaN if none was, because all windows were full.
func (f Flow) PerPublish() float64 {
	if f.Published == 0 {
		return math.NaN()
	}
	return micros(f.CPU) / float64(f.Published)
}

// PerDelivery is the broker's CPU a message delivered, in microseconds.
func (f Flow) PerDelivery() float64 { return micros(f.CPU) / float64(max(1, f.Delivered)) }

// Rate is messages delivered a second.
func (f Flow) Rate() float64 { return float64(f.Delivered) / f.Took.Seconds() }

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }

// flow lets the publishers send for a while, and measures all but its beginning.
func (l *Loop) flow(t Target, publishers []*Conn) (Flow, error) {
	for _, p := range publishers {
		p.fill()
	}
	if err := l.pump(t.Warm, t.Stall, publishers); err != nil {
		return Flow{}, fmt.Errorf("in warm-up: %w", err)
	}
	f := Flow{}
	sent, delivered := totals(publishers)
	m, err := t.measure()
	if err != nil {
		return f, err
	}
	stalled := l.pump(t.Measured, t.Stall, publishers)
	if f.Usage, err = m.end(); err != nil {
		return f, err
	}
	f.Published, f.Delivered = totals(publishers)
	f.Published, f.Delivered = f.Published-sent, f.Delivered-delivered
	if stalled == nil {
		l.drain(publishers, t.Stall)
	}
	for _, p := range publishers {
		f.Lost += max(0, p.pub.sent*p.pub.fan-p.pub.delivered)
	}
	f.Closed = l.closed
	if f.Delivered == 0 {
		return f, errors.Join(errors.New("nothing was delivered"), stalled, l.err)
	}
	return f, l.err
}

// pump keeps the publishers sending for so long, and until something has been delivered; that nothing comes for stall is
// an error.
func (l *Loop) pump(d, stall time.Duration, publishers []*Conn) error {
	_, before := totals(publishers)
	nothing := func() bool {
		_, delivered := totals(publishers)
		return delivered == before
	}
	now := time.Now()
	came, last, end := l.came, now, now.Add(d)
	for now.Before(end) || nothing() {
		l.poll(20)
		l.fillDue()
		if l.err != nil {
			return l.err
		}
		now = time.Now()
		if l.came != came {
			came, last = l.came, now
		} else if now.Sub(last) > stall {
			return fmt.Errorf("nothing has come for %s", stall)
		}
	}
	return nil
}

// drain waits for what is under way.
func (l *Loop) drain(publishers []*Conn, stall time.Duration) {
	came, last := l.came, time.Now()
	for time.Since(last) < stall && l.err == nil {
		left := 0
		for _, p := range publishers {
			left += p.pub.sent*p.pub.fan - p.pub.delivered
		}
		if left <= 0 {
			return
		}
		l.poll(20)
		if l.came != came {
			came, last = l.came, time.Now()
		}
	}
}

func totals(publishers []*Conn) (sent, delivered int) {
	for _, p := range publishers {
		sent += p.pub.sent
		delivered += p.pub.delivered
	}
	return sent, delivered
}
