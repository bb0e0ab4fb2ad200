package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// collector keeps what it is sent, and answers with status.
type collector struct {
	*httptest.Server
	status int

	mu       sync.Mutex
	requests []exportRequest
}

func collect(t *testing.T, status int) *collector {
	t.Helper()
	c := &collector{status: status}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		var request exportRequest
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err != nil || d.Decode(&request) != nil || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/v1/traces" {
			t.Errorf("%s %s: %s", r.Method, r.URL, data)
		}
		c.mu.Lock()
		c.requests = append(c.requests, request)
		c.mu.Unlock()
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(c.status)
	}))
	t.Cleanup(c.Close)
	return c
}

// exporter sends to c, by a clock that stands still; stop has it send all.
func (c *collector) exporter(t *testing.T, most int) (e *Exporter, log *bytes.Buffer, stop func()) {
	log = &bytes.Buffer{}
	e = New(Options{
		Endpoint: c.URL + "/v1/traces", Service: "dunlin-broker", Instance: "edge-0", Version: "v1", MaxPerSecond: most,
		Log: slog.New(slog.NewTextHandler(log, nil)), Now: func() time.Time { return time.Unix(1, 5) },
	})
	return e, log, func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		e.Run(ctx)
	}
}

var parent = []byte("00-" + traceID + "-" + parentID + "-01")

// TestSpan is what a collector is told of one message.
func TestSpan(t *testing.T) {
	c := collect(t, http.StatusOK)
	e, log, stop := c.exporter(t, 10)
	s := e.Begin(parent)
	s.id = [8]byte{1}
	s.Topic, s.Client, s.Bytes, s.QoS, s.Retain, s.Subscriptions = "a/b", "c", 3, 1, true, 2
	e.End(s, "Not authorized")
	stop()
	want := []exportRequest{{[]resourceSpans{{
		Resource: resource{[]attribute{text("service.name", "dunlin-broker"), text("service.instance.id", "edge-0"), text("service.version", "v1")}},
		ScopeSpans: []scopeSpans{{Scope: scope{"dunlin", "v1"}, Spans: []wireSpan{{
			TraceID: traceID, SpanID: "0100000000000000", ParentSpanID: parentID, Name: "publish a/b", Kind: 2, Begin: "1000000005", End: "1000000005",
			Attributes: []attribute{
				text("messaging.system", "mqtt"), text("messaging.operation.name", "publish"), text("messaging.destination.name", "a/b"), text("messaging.client.id", "c"),
				number("messaging.message.body.size", 3), number("mqtt.qos", 1), flag("mqtt.retain", true), number("mqtt.subscriptions", 2),
			},
			Status: &status{"Not authorized", 2},
		}}}},
	}}}}
	if diff := cmp.Diff(want, c.requests); diff != "" || log.Len() > 0 {
		t.Error(diff, log)
	}
}

// TestBounds: what is too much is left out, and the log says so.
func TestBounds(t *testing.T) {
	c := collect(t, http.StatusOK)
	e, log, stop := c.exporter(t, batch+10)
	for range batch + 20 {
		e.End(e.Begin(parent), "")
	}
	if e.Begin([]byte("none")) != nil || (*Exporter)(nil).Begin(parent) != nil {
		t.Error("what is not traced has a span")
	}
	stop()
	if len(c.requests) != 2 || len(c.requests[0].ResourceSpans[0].ScopeSpans[0].Spans) != batch || len(c.requests[1].ResourceSpans[0].ScopeSpans[0].Spans) != 10 {
		t.Errorf("%d requests", len(c.requests))
	}
	if !strings.Contains(log.String(), "spans were left out") || !strings.Contains(log.String(), "count=10 ") {
		t.Errorf("the log says %s", log)
	}
	e, _, _ = c.exporter(t, 2*room)
	for range room + 5 { // that nobody sends
		e.End(e.Begin(parent), "")
	}
	if n := e.lost.Load(); n != 5 {
		t.Errorf("%d are lost", n)
	}
}

// TestCollectorFails: its spans are lost, which the log says with the reason, and no redirect is followed.
func TestCollectorFails(t *testing.T) {
	for status, want := range map[int]string{
		http.StatusServiceUnavailable: "the collector answers 503 Service Unavailable", http.StatusTemporaryRedirect: "the collector answers 307",
	} {
		c := collect(t, status)
		e, log, stop := c.exporter(t, 10)
		e.End(e.Begin(parent), "")
		stop()
		if !strings.Contains(log.String(), want) || !strings.Contains(log.String(), "count=1 ") || len(c.requests) != 1 {
			t.Errorf("%d: the log says %s after %d requests", status, log, len(c.requests))
		}
	}
	c := collect(t, http.StatusOK)
	c.Close()
	e, log, stop := c.exporter(t, 10)
	e.End(e.Begin(parent), "")
	stop()
	if !strings.Contains(log.String(), "connection refused") {
		t.Errorf("the log says %s", log)
	}
}

// TestRun: spans are sent while it runs.
func TestRun(t *testing.T) {
	c := collect(t, http.StatusOK)
	e, _, _ := c.exporter(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { e.Run(ctx) })
	e.End(e.Begin(parent), "")
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(20 * time.Second); ; {
		c.mu.Lock()
		n := len(c.requests)
		c.mu.Unlock()
		if n == 1 {
			break
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("nothing was sent")
		}
	}
	cancel()
	running.Wait()
}
