package speed

import (
	"github.com/dunlin-mqtt/dunlin/test/bench/internal/peer"
)

const micro, times, kilobyte = "us", "times", "kB"

// Workloads are all of them, in the table's order.
var Workloads = []Workload{
	stream("fan-in-0", Row{"fan-in 50 to 1, QoS 0: a message", micro, 0.25, "messages", "fan-in 0"},
		func(a *attempt) error { return a.deliveries(a.FanIn(0, 50, 64)) }),
	stream("fan-in-1", Row{"fan-in 50 to 1, QoS 1: a message", micro, 0.45, "messages", "fan-in 1"},
		func(a *attempt) error { return a.deliveries(a.FanIn(1, 50, 64)) }),
	stream("fan-out", Row{"fan-out 1 to 500, QoS 0: a delivery", micro, 0.20, "deliveries", "fan-out 0"},
		func(a *attempt) error { return a.deliveries(a.FanOut(0, a.sizes.Subscribers, 64)) }),
	stream("pairs-0", Row{"50 pairs, QoS 0: a message", micro, 0.28, "messages", "pairs 0"},
		func(a *attempt) error { return a.deliveries(a.Pairs(0, 50, 64)) }),
	stream("pairs-1", Row{"50 pairs, QoS 1: a message", micro, 0.50, "messages", "pairs 1"},
		func(a *attempt) error { return a.deliveries(a.Pairs(1, 50, 64)) }),
	stream("pairs-2", Row{"50 pairs, QoS 2 (window 16): a message", micro, 1.7, "messages", "pairs 2"},
		func(a *attempt) error { return a.deliveries(a.Pairs(2, 50, 16)) }),
	stream("wildcards", Row{"100,000 wildcard filters, two match: a publish", micro, 1.5, "publishes", "wildcards"},
		func(a *attempt) error {
			f, err := a.Wildcards(a.sizes.Filters, 200)
			return a.publishes(f.Flow, err)
		}),
	{Name: "offline", run: (*attempt).offline, Rows: []Row{
		{"50,000 messages of QoS 1 into an offline session's queue: a message", micro, 1.0, "messages", "enqueue"},
		{"out of it: a message", micro, 1.0, "messages", "drain"}}},
	{Name: "retain", run: (*attempt).retain, Rows: []Row{
		{"200,000 retained messages: a set", micro, 1.2, "sets", "retain"},
		{"all to a subscriber of #: a delivery", micro, 0.6, "deliveries", "retained"}}},
	{Name: "connect", run: (*attempt).connect, Rows: []Row{{"connect and disconnect: a connection", micro, 35, "connections", ""}}},
	{Name: "connections", run: func(a *attempt) error { return a.idle(false) }, Once: true,
		Rows: []Row{{"10,000 idle connections: each", kilobyte, 4.0, "", ""}}},
	{Name: "subscribed", run: func(a *attempt) error { return a.idle(true) }, Once: true,
		Rows: []Row{{"10,000 idle connections with a subscription: each", kilobyte, 5.0, "", ""}}},
	{Name: "latency", run: func(a *attempt) error { return a.latency(false) }, Rows: []Row{
		{"latency at 2,000 messages a second, QoS 1: p50", micro, 45, "", ""},
		{"the same: p99", micro, 500, "", ""}}},
	{Name: "neighbour", run: func(a *attempt) error { return a.latency(true) }, Rows: []Row{
		{"latency beside a client that floods: p50", micro, 0, "messages of the flood", ""},
		{"the same: p99", micro, 5000, "", ""}}},
	{Name: "tls", run: (*attempt).tls, Setup: peer.Setup{Secure: true}, Rows: []Row{
		{"50 pairs, QoS 0, over TLS: a message", micro, 0, "messages", ""},
		{"the same, to TCP", times, 2, "", ""}}},
	{Name: "websocket", run: (*attempt).webSocket, Setup: peer.Setup{Secure: true}, Rows: []Row{
		{"50 pairs, QoS 0, over WebSocket: a message", micro, 0, "messages", ""},
		{"the same, to TCP", times, 2, "", ""}}},
	{Name: "handshake", run: (*attempt).handshake, Setup: peer.Setup{Secure: true}, Rows: []Row{
		{"connect over TLS, ECDSA P-256: a connection", micro, 0, "connections", ""},
		{"the same, with a resumed TLS session", micro, 0, "connections", ""}}},
	{Name: "tls-connections", run: (*attempt).idleTLS, Once: true, Setup: peer.Setup{Secure: true},
		Rows: []Row{{"10,000 idle TLS connections: each", kilobyte, 20, "", ""}}},
	{Name: "stuck", run: (*attempt).stuck, Once: true, Setup: peer.Setup{Bounded: true}, Rows: []Row{
		{"publishing 1 KiB to 1,000 subscribers that have stopped to read, to as many that read", times, 1, "", ""},
		{"the memory of each of those", kilobyte, 0, "", ""}}},
}

func stream(name string, row Row, run func(*attempt) error) Workload {
	return Workload{Name: name, Rows: []Row{row}, run: run}
}

func (a *attempt) offline() error {
	r, err := a.Offline(a.sizes.Offline)
	if err != nil {
		return err
	}
	a.used(r.Enqueue)
	a.add(r.EnqueueCost(), float64(r.N)/r.Enqueue.Took.Seconds())
	a.came(r.Got, r.N, r.DrainCost(), r.Drain)
	return nil
}

func (a *attempt) retain() error {
	r, err := a.Retained(a.sizes.Retained)
	if err != nil {
		return err
	}
	a.used(r.Set)
	a.add(r.SetCost(), float64(r.N)/r.Set.Took.Seconds())
	a.came(r.Got, r.N, r.DeliverCost(), r.Deliver)
	return nil
}

func (a *attempt) connect() error {
	r, err := a.Connects(a.sizes.Connects)
	a.used(r.Usage)
	a.add(r.PerConnect(), r.Rate())
	return err
}

func (a *attempt) idle(subscribe bool) error {
	r, err := a.Idle(a.sizes.Idle, subscribe)
	a.used(r.Usage)
	a.add(r.Bytes/1000, 0)
	return err
}

func (a *attempt) latency(flood bool) error {
	r, err := a.Latency(1, 2000, flood)
	if err != nil {
		return err
	}
	a.used(r.Usage)
	a.add(r.P50, r.Flooded)
	a.add(r.P99, 0)
	a.missing(r.Received, r.Sent)
	return nil
}

// stuck asks for larger messages, so that queues fill.
func (a *attempt) stuck() error {
	t := a.Target
	t.Payload = 1024
	r, err := t.Stuck(a.sizes.Stuck, a.sizes.Fill, 16)
	if err != nil {
		return err
	}
	a.used(r.Reading.Usage)
	a.used(r.Silent.Usage)
	a.add(r.Slowdown(), 0)
	a.add(r.Bytes/1000, 0)
	if r.Silent.Closed > 0 {
		a.note("%d connections closed", r.Silent.Closed)
	}
	return nil
}
