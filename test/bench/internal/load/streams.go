package load

import (
	"fmt"
	"strings"
)

// FanIn is many publishers, a topic each, and one subscriber of all.
func (t Target) FanIn(qos byte, publishers, window int) (Flow, error) {
	l, done, err := t.loop()
	if err != nil {
		return Flow{}, err
	}
	defer done()
	pubs, err := l.connect(publishers, "fan-in-p", true)
	if err != nil {
		return Flow{}, err
	}
	subs, err := l.connect(1, "fan-in-s", true)
	if err != nil {
		return Flow{}, err
	}
	if err := l.subscribe(qos, subs, one("fan-in/#")); err != nil {
		return Flow{}, err
	}
	subs[0].countFor(pubs)
	for i, p := range pubs {
		p.publishes(fmt.Sprint("fan-in/", i), qos, t.Payload, window, 1)
	}
	return l.flow(t, pubs)
}

// FanOut is one publisher and many subscribers of its topic.
func (t Target) FanOut(qos byte, subscribers, window int) (Flow, error) {
	l, done, err := t.loop()
	if err != nil {
		return Flow{}, err
	}
	defer done()
	pubs, subs, err := l.fanOut(qos, subscribers, window, t.Payload)
	if err != nil {
		return Flow{}, err
	}
	for _, s := range subs {
		s.countFor(pubs)
	}
	return l.flow(t, pubs)
}

func (l *Loop) fanOut(qos byte, subscribers, window, payload int) (pubs, subs []*Conn, err error) {
	if pubs, err = l.connect(1, "fan-out-p", true); err != nil {
		return nil, nil, err
	}
	if subs, err = l.connect(subscribers, "fan-out-s", true); err != nil {
		return nil, nil, err
	}
	pubs[0].publishes("fan-out/topic", qos, payload, window, subscribers)
	return pubs, subs, l.subscribe(qos, subs, one("fan-out/topic"))
}

// Pairs is n publishers with a subscriber each.
func (t Target) Pairs(qos byte, n, window int) (Flow, error) {
	return t.PairsAt(qos, n, window, 2)
}

// PairsAt is Pairs on topics of so many levels, at least 2.
func (t Target) PairsAt(qos byte, n, window, levels int) (Flow, error) {
	l, done, err := t.loop()
	if err != nil {
		return Flow{}, err
	}
	defer done()
	pubs, err := l.pairs(t, qos, n, window, levels)
	if err != nil {
		return Flow{}, err
	}
	return l.flow(t, pubs)
}

func (l *Loop) pairs(t Target, qos byte, n, window, levels int) ([]*Conn, error) {
	pubs, err := l.connect(n, "pair-p", true)
	if err != nil {
		return nil, err
	}
	subs, err := l.connect(n, "pair-s", true)
	if err != nil {
		return nil, err
	}
	topic := func(i int) string { return fmt.Sprint("pair", strings.Repeat("/a", max(0, levels-2)), "/", i) }
	if err := l.subscribe(qos, subs, func(i int) []string { return []string{topic(i)} }); err != nil {
		return nil, err
	}
	for i, s := range subs {
		s.countFor(pubs)
		pubs[i].publishes(topic(i), qos, t.Payload, window, 1)
	}
	return pubs, nil
}
