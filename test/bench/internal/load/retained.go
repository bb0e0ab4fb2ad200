package load

import (
	"fmt"
	"time"
)

// Retained is what retained messages cost.
type Retained struct {
	Set     Usage // all of them
	Bytes   float64
	Deliver Usage // all of them to one subscriber of #
	N, Got  int
}

// SetCost is the broker's CPU a message that is set, in microseconds.
func (r Retained) SetCost() float64 { return micros(r.Set.CPU) / float64(max(1, r.N)) }

// DeliverCost is that of one delivered.
func (r Retained) DeliverCost() float64 { return micros(r.Deliver.CPU) / float64(max(1, r.Got)) }

// Retained sets n retained messages, and subscribes to all.
func (t Target) Retained(n int) (Retained, error) {
	l, done, err := t.loop()
	if err != nil {
		return Retained{}, err
	}
	defer done()
	r := Retained{N: n}
	before, err := t.resident(l)
	if err != nil {
		return r, err
	}
	if r.Set, err = t.retain(l, n); err != nil {
		return r, err
	}
	after, err := t.resident(l)
	if err != nil {
		return r, err
	}
	r.Bytes = (after - before) / float64(n)
	s, err := l.connectOne("retained-s", true)
	if err != nil {
		return r, err
	}
	m, err := t.measure()
	if err != nil {
		return r, err
	}
	s.wanted = []string{"#"}
	s.subscribeMore(0)
	for got, last := 0, time.Now(); s.received < n && time.Since(last) < t.Stall && l.err == nil && s.state == stateUp; {
		l.poll(50)
		if s.received != got {
			got, last = s.received, time.Now()
		}
	}
	r.Got = s.received
	if r.Deliver, err = m.end(); err != nil {
		return r, err
	}
	return r, l.err
}

// retain sets n messages, the last of each lot by QoS 1, so that the next waits until the last but one has been taken.
func (t Target) retain(l *Loop, n int) (Usage, error) {
	const lot = 200
	p, err := l.connectOne("retained-p", true)
	if err != nil {
		return Usage{}, err
	}
	m, err := t.measure()
	if err != nil {
		return Usage{}, err
	}
	p.pub = &publisher{fan: 1}
	payload := p.payload(t.Payload)
	for i := range n {
		qos := byte(0)
		if i%lot == lot-1 || i == n-1 {
			qos = 1
			p.pub.sent++
		}
		packet := publishPacket(fmt.Sprintf("retained/%d/%d/value", i/1000, i%1000), qos, true, payload)
		if qos == 1 {
			packet[len(packet)-len(payload)-1] = 1 // its packet identifier
		}
		p.out = append(p.out, packet...)
		if qos == 0 {
			continue
		}
		p.flush()
		allowed := 1
		if i == n-1 {
			allowed = 0
		}
		if err := l.until("PUBACK", func() bool { return p.pub.sent-p.pub.acked <= allowed }); err != nil {
			return Usage{}, err
		}
	}
	return m.end()
}
