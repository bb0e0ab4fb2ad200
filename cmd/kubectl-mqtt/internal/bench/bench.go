package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
)

// Load is what is asked of a broker.
type Load struct {
	Publishers  int
	Subscribers int           // each receives every message
	Rate        float64       // messages a second of all publishers together; 0: as fast as it goes
	Size        int           // of a payload, in bytes: MinSize at least
	QoS         byte          // of publishing and of subscribing
	Duration    time.Duration // of publishing
	Topic       string        // below which is published: TOPIC/1, TOPIC/2, ...
	Dial        func(ctx context.Context, name string, received func(*packet.Publish)) (*mqtt.Client, error)
	// Progress is told about every second: messages sent and received so far. nil: nobody is.
	Progress func(sent, received uint64)
}

// MinSize is what a payload has to have: a run's number, and when it was sent.
const MinSize = 16

// patience is how long acknowledgements may take after the last message was sent.
const patience = 30 * time.Second

// drain is how long nothing may arrive after the last message was sent, before what is missing counts as lost.
const drain = 2 * time.Second

// Result is what came of it.
type Result struct {
	Seconds   float64 `json:"seconds"`   // of publishing
	Sent      uint64  `json:"sent"`      // messages
	Refused   uint64  `json:"refused"`   // of those, which the broker refused
	Taken     uint64  `json:"taken"`     // that the broker has acknowledged; at QoS 0 as many as were sent
	Received  uint64  `json:"received"`  // by all subscribers
	Expected  uint64  `json:"expected"`  // of taken messages, at every subscriber
	Lost      uint64  `json:"lost"`      // expected and not received
	PerSecond float64 `json:"perSecond"` // sent
	// Latency is from before a message is sent until it is received, in milliseconds; nil: nothing was received.
	Latency *Latency `json:"latencyMilliseconds,omitempty"`
	Errors  []string `json:"errors,omitempty"` // what went wrong, each once
}

// Latency is a distribution, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// run is one load test.
type run struct {
	Load
	number   uint64 // what tells its messages from those of other runs
	sent     atomic.Uint64
	taken    atomic.Uint64
	refused  atomic.Uint64
	received atomic.Uint64
	times    histogram

	mu     sync.Mutex
	errors []string
}

// Run does it. An error is that it could not begin, or was broken off by ctx; what goes wrong in its midst is in the result.
func Run(ctx context.Context, l Load) (*Result, error) {
	r := &run{Load: l, number: uint64(time.Now().UnixNano())}
	subscribers, err := r.subscribe(ctx)
	defer closeAll(subscribers)
	if err != nil {
		return nil, err
	}
	publishers := make([]*mqtt.Client, 0, l.Publishers)
	defer func() { closeAll(publishers) }()
	for i := range l.Publishers {
		c, err := l.Dial(ctx, fmt.Sprintf("pub-%d", i+1), nil)
		if err != nil {
			return nil, fmt.Errorf("connect publisher %d of %d: %w", i+1, l.Publishers, err)
		}
		publishers = append(publishers, c)
	}
	defer context.AfterFunc(ctx, func() { closeAll(publishers) })()
	late := time.AfterFunc(l.Duration+patience, func() { closeAll(publishers) })
	defer late.Stop()
	watched, stop := context.WithCancel(ctx)
	defer stop()
	go r.watch(watched)
	seconds := r.publish(ctx, publishers)
	r.drain(ctx)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, c := range append(append([]*mqtt.Client{}, subscribers...), publishers...) {
		if err := c.Err(); err != nil {
			r.note(err)
		}
	}
	return r.result(seconds), nil
}

func closeAll(clients []*mqtt.Client) {
	for _, c := range clients {
		c.Close()
	}
}

func (r *run) subscribe(ctx context.Context) (clients []*mqtt.Client, err error) {
	for i := range r.Subscribers {
		c, err := r.Dial(ctx, fmt.Sprintf("sub-%d", i+1), r.arrived)
		if err != nil {
			return clients, fmt.Errorf("connect subscriber %d of %d: %w", i+1, r.Subscribers, err)
		}
		clients = append(clients, c)
		reasons, text, err := c.Subscribe(ctx, packet.Subscribe{Filters: []packet.Filter{{Filter: r.Topic + "/+", QoS: r.QoS}}})
		if err != nil {
			return clients, err
		}
		if reasons[0].Failed() {
			return clients, fmt.Errorf("subscribe to %s/+: refused: %v %s", r.Topic, reasons[0], text)
		}
	}
	return clients, nil
}

// arrived takes a message at a subscriber.
func (r *run) arrived(p *packet.Publish) {
	if len(p.Payload) < MinSize || binary.BigEndian.Uint64(p.Payload) != r.number {
		return // of another run, or a retained message
	}
	sent := time.Unix(0, int64(binary.BigEndian.Uint64(p.Payload[8:])))
	r.times.add(time.Since(sent))
	r.received.Add(1)
}

// publish has all publishers send until the time is over and everything is acknowledged.
func (r *run) publish(ctx context.Context, clients []*mqtt.Client) (seconds float64) {
	ctx, cancel := context.WithTimeout(ctx, r.Duration)
	defer cancel()
	begin := time.Now()
	var all sync.WaitGroup
	for i, c := range clients {
		all.Go(func() { r.publisher(ctx, c, fmt.Sprintf("%s/%d", r.Topic, i+1), i) })
	}
	all.Wait()
	return time.Since(begin).Seconds()
}

// publisher sends at its share of the rate. One that falls behind sends as fast as it can until it has caught up.
func (r *run) publisher(ctx context.Context, c *mqtt.Client, topic string, index int) {
	payload := make([]byte, r.Size)
	binary.BigEndian.PutUint64(payload, r.number)
	p := packet.Publish{Topic: []byte(topic), QoS: r.QoS, Payload: payload}
	var answers sync.WaitGroup
	defer answers.Wait()
	var interval time.Duration
	if r.Rate > 0 {
		interval = time.Duration(float64(time.Second) * float64(r.Publishers) / r.Rate)
	}
	next := time.Now().Add(interval * time.Duration(index) / time.Duration(max(1, r.Publishers))) // not all at once
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if wait := time.Until(next); interval > 0 && wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
		next = next.Add(interval)
		binary.BigEndian.PutUint64(payload[8:], uint64(time.Now().UnixNano()))
		answers.Add(1)
		err := c.Begin(ctx, p, func(_ packet.ReasonCode, err error) {
			defer answers.Done()
			r.answered(err)
		})
		if err != nil {
			answers.Done()
			if ctx.Err() == nil {
				r.note(err)
			}
			return
		}
		r.sent.Add(1)
	}
}

func (r *run) answered(err error) {
	var refused *mqtt.RefusedError
	switch {
	case err == nil:
		r.taken.Add(1)
	case errors.As(err, &refused):
		r.refused.Add(1)
		r.note(err)
	default:
		r.note(err)
	}
}

// drain waits for what is on its way.
func (r *run) drain(ctx context.Context) {
	const step = 20 * time.Millisecond
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	last, still := r.received.Load(), time.Duration(0)
	for still < drain && last < r.taken.Load()*uint64(r.Subscribers) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := r.received.Load()
		if still += step; now != last {
			last, still = now, 0
		}
	}
}

func (r *run) watch(ctx context.Context) {
	if r.Progress == nil {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			r.Progress(r.sent.Load(), r.received.Load())
		}
	}
}

// maxErrors bounds what is kept of what goes wrong.
const maxErrors = 10

// note keeps an error, once.
func (r *run) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, text := range r.errors {
		if text == err.Error() {
			return
		}
	}
	if len(r.errors) < maxErrors {
		r.errors = append(r.errors, err.Error())
	}
}

func (r *run) result(seconds float64) *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := &Result{
		Seconds: seconds, Sent: r.sent.Load(), Taken: r.taken.Load(), Refused: r.refused.Load(), Received: r.received.Load(),
		Expected: r.taken.Load() * uint64(r.Subscribers), Errors: r.errors, Latency: r.times.latency(),
	}
	result.Lost = result.Expected - min(result.Expected, result.Received)
	if seconds > 0 {
		result.PerSecond = float64(result.Sent) / seconds
	}
	return result
}
