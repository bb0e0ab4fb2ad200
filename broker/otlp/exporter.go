package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// room is how many spans may wait to be sent.
	room = 4096
	// batch is the most that one request has.
	batch = 512
	// flushEvery is how long a span waits for others at most.
	flushEvery = time.Second
	// sendTimeout bounds a request, and lastTimeout the one that a broker sends as it stops.
	sendTimeout = 10 * time.Second
	lastTimeout = 2 * time.Second
	// complainEvery is how often the log says at most that spans are lost.
	complainEvery = time.Minute
	// idleTimeout is how long a connection to the collector is kept for the next request.
	idleTimeout = time.Minute
)

// Options are where spans go, and what they are of.
type Options struct {
	Endpoint string // the URL that takes OTLP's traces
	// Secrets reads what the collector asks for; it is called before each request. nil: nothing.
	Secrets func() (Secrets, error)
	// Service and Instance are what the collector calls the broker, Version is the broker's.
	Service, Instance, Version string
	MaxPerSecond               int // spans; those beyond are left out
	Log                        *slog.Logger
	Now                        func() time.Time
}

// Exporter sends spans. Its methods but Run may be called at the same time, and of a nil Exporter nothing is traced.
type Exporter struct {
	o      Options
	client *http.Client
	spans  chan *Span
	lost   atomic.Uint64
	cas    []byte // that the client verifies by; Run's alone

	second atomic.Int64 // that is counted in
	begun  atomic.Int64 // spans in that second
}

// New makes an exporter, of which Run sends.
func New(o Options) *Exporter {
	// No redirects: what is sent names clients and topics, and may have credentials.
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Exporter{o: o, spans: make(chan *Span, room), client: &http.Client{CheckRedirect: noRedirect}}
}

// Begin begins the span of a message with that traceparent; nil: it is not traced.
func (e *Exporter) Begin(traceparent []byte) *Span {
	if e == nil {
		return nil
	}
	trace, parent, sampled := traced(traceparent)
	if !sampled {
		return nil
	}
	now := e.o.Now()
	if s := now.Unix(); e.second.Swap(s) != s {
		e.begun.Store(0)
	}
	if e.begun.Add(1) > int64(e.o.MaxPerSecond) {
		e.lost.Add(1)
		return nil
	}
	return &Span{trace: trace, parent: parent, id: newID(), begin: now}
}

// End ends a span; nil is none. failed says why the message was not taken; "": it was.
func (e *Exporter) End(s *Span, failed string) {
	if s == nil {
		return
	}
	s.end, s.failed = e.o.Now(), failed
	select {
	case e.spans <- s:
	default:
		e.lost.Add(1)
	}
}

// Run sends what ends, until ctx is done and what is left has been sent.
func (e *Exporter) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	defer e.client.CloseIdleConnections()
	var complained time.Time
	for {
		over := false
		select {
		case <-ctx.Done():
			over = true
		case <-tick.C:
		}
		limit := sendTimeout
		if over {
			limit = lastTimeout
		}
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
		err := e.flush(sending)
		cancel()
		now := e.o.Now()
		if lost := e.lost.Load(); lost > 0 && (over || now.Sub(complained) >= complainEvery) {
			complained = now
			e.lost.Add(-lost)
			e.complain(lost, err)
		}
		if over {
			return
		}
	}
}

func (e *Exporter) complain(lost uint64, err error) {
	reason := "there were too many"
	if err != nil {
		reason = err.Error()
	}
	e.o.Log.Warn("spans were left out", "count", lost, "endpoint", e.o.Endpoint, "reason", reason)
}

// flush sends what waits, and stops at the first request that fails: its spans are lost.
func (e *Exporter) flush(ctx context.Context) error {
	for {
		var ready []*Span
		for more := true; more && len(ready) < batch; {
			select {
			case s := <-e.spans:
				ready = append(ready, s)
			default:
				more = false
			}
		}
		if len(ready) == 0 {
			return nil
		}
		if err := e.send(ctx, ready); err != nil {
			e.lost.Add(uint64(len(ready)))
			return err
		}
	}
}

func (e *Exporter) send(ctx context.Context, spans []*Span) error {
	headers, err := e.secure()
	if err != nil {
		return err
	}
	body, err := json.Marshal(e.request(spans))
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.o.Endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = headers
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	const most = 4096       // of an answer, so that the connection is used again
	_, _ = io.CopyN(io.Discard, resp.Body, most)
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("the collector answers %s", resp.Status)
	}
	return nil
}
