package inspect

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/limit"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// Limits of tracing.
const (
	maxTraces       = 16
	maxWaiting      = 1024 // events of a trace that nobody has taken
	eventsPerSecond = 5000 // of a trace: what is more is left out, so that a trace of everything does not take the broker's time
	maxPayload      = 1024 // bytes of it that are shown
)

// Tracer shows packets to those who want to see them. The zero value has nobody; any number of goroutines may use it.
type Tracer struct {
	traces atomic.Pointer[[]*trace] // nil: there are none
	mu     sync.Mutex               // held while those change
}

// Peer is a client as its packets are traced.
type Peer struct {
	Client, User string
	Version      packet.Version // 0: not known yet
	// Alias is the topic that a topic alias of its stands for; "": not known. nil: there are none.
	Alias func(alias uint16) string
}

// On says whether anybody wants to see packets.
func (t *Tracer) On() bool { return t.traces.Load() != nil }

// Trace implements admin.Tracer.
func (t *Tracer) Trace(q admin.TraceQuery) (admin.Trace, error) {
	if q.Topic != "" {
		if err := topic.ValidFilter(q.Topic, 0); err != nil {
			return nil, fmt.Errorf("%w: topic: %w", admin.ErrInvalid, err)
		}
	}
	made := &trace{
		of: t, query: q, events: make(chan api.Event, maxWaiting), rate: limit.NewBucket(eventsPerSecond, time.Now()),
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var others []*trace
	if had := t.traces.Load(); had != nil {
		others = *had
	}
	if len(others) >= maxTraces {
		return nil, fmt.Errorf("%w: %d traces", admin.ErrTooMany, maxTraces)
	}
	t.traces.Store(new(append(slices.Clip(others), made)))
	return made, nil
}

// Wants says whether anybody wants to see packets of a client.
func (t *Tracer) Wants(p *Peer) bool { return len(t.of(p)) > 0 }

// Packets shows whole packets to or from a client.
func (t *Tracer) Packets(in bool, p *Peer, data []byte) {
	traces := t.of(p)
	for len(traces) > 0 && len(data) > 0 {
		h, body, n, _, err := packet.NextVersion(data, 0, p.Version)
		if err != nil || n == 0 {
			return // it is not well-formed: the connection is about to end for it
		}
		show(traces, in, p, h, body, n)
		data = data[n:]
	}
}

// Packet shows a packet of size bytes to or from a client.
func (t *Tracer) Packet(in bool, p *Peer, h packet.Header, body []byte, size int) {
	if traces := t.of(p); len(traces) > 0 {
		show(traces, in, p, h, body, size)
	}
}

func show(traces []*trace, in bool, p *Peer, h packet.Header, body []byte, size int) {
	var d decoded
	d.decode(in, p, h, body, size)
	for _, one := range traces {
		one.offer(&d)
	}
}

// of are the traces of a client; nil: none.
func (t *Tracer) of(p *Peer) (of []*trace) {
	all := t.traces.Load()
	if all == nil {
		return nil
	}
	for _, one := range *all {
		if (one.query.Client == "" || one.query.Client == p.Client) && (one.query.User == "" || one.query.User == p.User) {
			of = append(of, one)
		}
	}
	return of
}

// trace is one that is under way.
type trace struct {
	of     *Tracer
	query  admin.TraceQuery
	events chan api.Event

	mu     sync.Mutex // held for an event at a time
	rate   limit.Bucket
	missed uint64
}

// Events implements admin.Trace.
func (t *trace) Events() <-chan api.Event { return t.events }

// Stop implements admin.Trace.
func (t *trace) Stop() {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	others := slices.DeleteFunc(slices.Clone(*t.of.traces.Load()), func(one *trace) bool { return one == t })
	if len(others) == 0 {
		t.of.traces.Store(nil)
		return
	}
	t.of.traces.Store(&others)
}

// offer adds a packet that fits, or counts it where there is no room.
func (t *trace) offer(d *decoded) {
	if t.query.Topic != "" && !d.concerns(t.query.Topic) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.rate.Fill(now)
	if !t.rate.Has() || len(t.events) == cap(t.events) {
		t.missed++
		return
	}
	t.rate.Spend(1)
	e := d.event(now)
	if t.query.Payload {
		e.Payload = append([]byte(nil), d.payload[:min(len(d.payload), maxPayload)]...)
	}
	e.Missed, t.missed = t.missed, 0
	t.events <- e // there is room, and nobody else fills it
}
