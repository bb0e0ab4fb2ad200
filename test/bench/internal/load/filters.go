package load

import (
	"encoding/binary"
	"fmt"
)

// Filters is many subscriptions: what each costs, and what a publish among them does.
type Filters struct {
	Subscribe Usage
	Bytes     float64 // of the broker's memory, each
	Flow      Flow
}

// filterClients share the filters, and filterPublishers publish.
const filterClients, filterPublishers = 100, 10

// Wildcards is publishers to topics of which each matches two of n filters, a multiple of 2 filterClients: e/+/dN/+/temp and
// e/M/dN/#. The topics come in an order that no cache foresees.
func (t Target) Wildcards(n, window int) (Filters, error) {
	half := n / 2
	return t.filters(n, half, 2, window, func(i int) string {
		if i < half {
			return fmt.Sprintf("e/+/d%d/+/temp", i)
		}
		return fmt.Sprintf("e/%d/d%d/#", (i-half)%100, i-half)
	}, func(i int) string { return fmt.Sprintf("e/%d/d%d/x/temp", i%100, i) })
}

// Literals is the same with filters without wildcards, of which each topic matches one.
func (t Target) Literals(n, window int) (Filters, error) {
	name := func(i int) string { return fmt.Sprintf("e/%d/d%d/x/temp", i%100, i) }
	return t.filters(n, n, 1, window, name, name)
}

func (t Target) filters(n, topics, fan, window int, filter, topic func(i int) string) (Filters, error) {
	l, done, err := t.loop()
	if err != nil {
		return Filters{}, err
	}
	defer done()
	r := Filters{}
	before, err := t.resident(l)
	if err != nil {
		return r, err
	}
	m, err := t.measure()
	if err != nil {
		return r, err
	}
	subs, err := l.connect(filterClients, "filter-s", true)
	if err != nil {
		return r, err
	}
	each := n / filterClients
	err = l.subscribe(0, subs, func(k int) []string {
		list := make([]string, each)
		for j := range list {
			list[j] = filter(k*each + j)
		}
		return list
	})
	if err != nil {
		return r, err
	}
	if r.Subscribe, err = m.end(); err != nil {
		return r, err
	}
	after, err := t.resident(l)
	if err != nil {
		return r, err
	}
	r.Bytes = (after - before) / float64(n)
	pubs, err := l.connect(filterPublishers, "filter-p", true)
	if err != nil {
		return r, err
	}
	for _, s := range subs {
		s.countFor(pubs)
	}
	next := anyOf(topics, t.Payload, topic)
	for _, p := range pubs {
		p.publishesAny(0, window, fan, func() ([]byte, int) { return next(p.index) })
	}
	r.Flow, err = l.flow(t, pubs)
	return r, err
}

// anyOf gives QoS 0 messages to n topics, made before, in pseudo-random order and with a publisher's index.
func anyOf(n, payload int, topic func(i int) string) func(index int) ([]byte, int) {
	packets := make([][]byte, n)
	for i := range packets {
		packets[i] = publishPacket(topic(i), 0, false, make([]byte, payload))
	}
	random := uint32(12345)
	return func(index int) ([]byte, int) {
		random = random*1664525 + 1013904223
		p := packets[int(random>>8)%n]
		binary.BigEndian.PutUint32(p[len(p)-payload:], uint32(index))
		return p, payload
	}
}
