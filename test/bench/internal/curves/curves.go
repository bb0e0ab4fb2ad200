package curves

import (
	"fmt"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/load"
)

// Curve is a cost over something that grows.
type Curve struct {
	Name   string
	Title  string
	Across string   // what grows
	Heads  []string // of what is measured, a column each
	Lines  int      // how many of those, from the first, are drawn: they have one unit, the first's
	X      []int
	Small  []int // X, to see that it works

	processors bool // X is GOMAXPROCS, and nothing is pinned
	run        func(start starter, x int) ([]float64, error)
}

// starter starts a broker of a point's, with nothing in it.
type starter func() (load.Target, error)

// All are the curves.
var All = []Curve{
	{Name: "cores", Title: "Scaling with processors", Across: "GOMAXPROCS", X: []int{1, 2}, Small: []int{1, 2}, processors: true, Lines: 2, run: cores,
		Heads: []string{"fan-out 1 to 500: deliveries a second that so many processors can do", "50 pairs: messages a second, the same",
			"fan-out: us a delivery", "deliveries a second meanwhile", "broker's processors", "generator's",
			"pairs: us a message", "messages a second meanwhile", "broker's processors", "generator's"}},
	{Name: "subscriptions", Title: "A publish among subscriptions", Across: "subscriptions", Lines: 2, run: subscriptions,
		X: []int{1000, 10_000, 100_000, 1_000_000}, Small: []int{1000, 2000},
		Heads: []string{"us a publish, literal filters, one matches", "us a publish, wildcard filters, two match",
			"bytes a literal subscription", "bytes a wildcard subscription", "us a literal SUBSCRIBE filter", "us a wildcard one"}},
	{Name: "retained-messages", Title: "A publish beside retained messages", Across: "retained messages", Lines: 1,
		X: []int{1000, 10_000, 100_000, 1_000_000}, Small: []int{100, 1000},
		Heads: []string{"us a message, 50 pairs, QoS 0", "bytes a retained message of 64 B"},
		run:   func(s starter, x int) ([]float64, error) { return beside(s, load.Beside{Retained: x}, x) }},
	{Name: "idle-connections", Title: "A publish beside idle connections", Across: "idle connections", Lines: 1,
		X: []int{100, 1000, 5000, 10_000, 15_000}, Small: []int{10, 100},
		Heads: []string{"us a message, 50 pairs, QoS 0", "bytes an idle connection"},
		run:   func(s starter, x int) ([]float64, error) { return beside(s, load.Beside{Idle: x}, x) }},
	{Name: "payload", Title: "A message by its payload", Across: "bytes of payload", Lines: 1, run: payload,
		X: []int{16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}, Small: []int{16, 1 << 20},
		Heads: []string{"us a message, 10 pairs, QoS 0", "MB a second"}},
	{Name: "fan-out-width", Title: "A delivery by the width of the fan-out", Across: "subscribers", Lines: 1, run: fanOut,
		X: []int{1, 10, 100, 1000, 10_000}, Small: []int{1, 50},
		Heads: []string{"us a delivery, QoS 0", "deliveries a second"}},
	{Name: "topic-depth", Title: "A message by the depth of its topic", Across: "levels of the topic", Lines: 1, run: depth,
		X: []int{2, 4, 8, 16, 32, 64, 128}, Small: []int{2, 128},
		Heads: []string{"us a message, 50 pairs, QoS 0"}},
}

// lost is the error of a flow that has lost messages: its numbers would be of less work.
func lost(f load.Flow, err error) error {
	if err == nil && f.Lost+f.Closed > 0 {
		return fmt.Errorf("%d messages lost, %d connections closed", f.Lost, f.Closed)
	}
	return err
}

// cores is what x processors can do, by the broker's processor time: the generator has a part of one of them.
func cores(start starter, x int) ([]float64, error) {
	t, err := start()
	if err != nil {
		return nil, err
	}
	f, err := t.FanOut(0, 500, 64)
	if err := lost(f, err); err != nil {
		return nil, err
	}
	p, err := t.Pairs(0, 50, 64)
	if err := lost(p, err); err != nil {
		return nil, err
	}
	share := func(u load.Usage) (broker, generator float64) {
		return u.CPU.Seconds() / u.Took.Seconds(), u.Generator.Seconds() / u.Took.Seconds()
	}
	fb, fg := share(f.Usage)
	pb, pg := share(p.Usage)
	can := func(each float64) float64 { return float64(x) * 1e6 / each }
	return []float64{can(f.PerDelivery()), can(p.PerDelivery()), f.PerDelivery(), f.Rate(), fb, fg, p.PerDelivery(), p.Rate(), pb, pg}, nil
}

func subscriptions(start starter, n int) ([]float64, error) {
	t, err := start()
	if err != nil {
		return nil, err
	}
	literal, err := t.Literals(n, 200)
	if err := lost(literal.Flow, err); err != nil {
		return nil, err
	}
	if t, err = start(); err != nil {
		return nil, err
	}
	wild, err := t.Wildcards(n, 200)
	if err := lost(wild.Flow, err); err != nil {
		return nil, err
	}
	each := func(u load.Usage) float64 { return float64(u.CPU.Nanoseconds()) / 1e3 / float64(n) }
	return []float64{literal.Flow.PerPublish(), wild.Flow.PerPublish(), literal.Bytes, wild.Bytes, each(literal.Subscribe), each(wild.Subscribe)}, nil
}

func beside(start starter, b load.Beside, n int) ([]float64, error) {
	t, err := start()
	if err != nil {
		return nil, err
	}
	g, err := t.PairsBeside(b, 50, 64)
	return []float64{g.PerDelivery(), g.Bytes / float64(n)}, lost(g.Flow, err)
}

// underWay bounds the bytes that a publisher of large payloads keeps under way.
const underWay = 256 << 10

func payload(start starter, size int) ([]float64, error) {
	t, err := start()
	if err != nil {
		return nil, err
	}
	t.Payload = size
	f, err := t.Pairs(0, 10, max(1, min(64, underWay/size)))
	return []float64{f.PerDelivery(), f.Rate() * float64(size) / 1e6}, lost(f, err)
}

func fanOut(start starter, subscribers int) ([]float64, error) {
	t, err := start()
	if err != nil {
		return nil, err
	}
	f, err := t.FanOut(0, subscribers, 64)
	return []float64{f.PerDelivery(), f.Rate()}, lost(f, err)
}

func depth(start starter, levels int) ([]float64, error) {
	t, err := start()
	if err != nil {
		return nil, err
	}
	f, err := t.PairsAt(0, 50, 64, levels)
	return []float64{f.PerDelivery()}, lost(f, err)
}
