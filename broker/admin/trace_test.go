package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// tracing is a Tracer whose only trace has the events that it is given.
type tracing struct {
	query   TraceQuery
	events  chan api.Event
	stopped chan struct{}
	err     error
}

func newTracing() *tracing {
	return &tracing{events: make(chan api.Event), stopped: make(chan struct{})}
}

func (f *tracing) Trace(q TraceQuery) (Trace, error) {
	f.query = q
	return f, f.err
}
func (f *tracing) Events() <-chan api.Event { return f.events }
func (f *tracing) Stop()                    { close(f.stopped) }

// flood gives events until the trace is stopped.
func (f *tracing) flood() {
	for {
		select {
		case f.events <- api.Event{Packet: "PUBLISH", Topic: strings.Repeat("t", 1000)}:
		case <-f.stopped:
			return
		}
	}
}

func (f *tracing) ended(t *testing.T) {
	t.Helper()
	select {
	case <-f.stopped:
	case <-time.After(10 * time.Second):
		t.Error("the trace goes on")
	}
}

// TestTrace: lines as events come, for longer than a call may take, until the caller goes; and it is in the audit log when it
// begins.
func TestTrace(t *testing.T) {
	d, f, audit := deps(), newTracing(), new(calls)
	d.Tracer, d.Audit = f, audit
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", serveAPI(t, d, time.Minute).URL+"/v1/trace?client=c&user=u&topic=a/%23&payload=true", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test's
	if want := (TraceQuery{Client: "c", User: "u", Topic: "a/#", Payload: true}); f.query != want {
		t.Errorf("%+v", f.query)
	}
	audit.mu.Lock()
	if len(audit.all) != 1 || audit.all[0].Status != http.StatusOK || audit.all[0].Caller.Name != "writer" {
		t.Errorf("%+v", audit.all)
	}
	audit.mu.Unlock()
	lines := bufio.NewScanner(resp.Body)
	for i := range 4 {
		f.events <- api.Event{Client: fmt.Sprint(i), Packet: "PINGREQ"}
		if !lines.Scan() || !strings.Contains(lines.Text(), fmt.Sprintf(`"client":"%d"`, i)) {
			t.Fatalf("%q %v", lines.Text(), lines.Err())
		}
		<-time.After(30 * time.Millisecond) // in all longer than a call may take there
	}
	cancel()
	f.ended(t)
	if len(audit.all) != 1 {
		t.Errorf("%d calls in the audit log", len(audit.all))
	}
}

// TestTraceRefused: what the tracer says is the answer.
func TestTraceRefused(t *testing.T) {
	d, f := deps(), newTracing()
	d.Tracer, f.err = f, fmt.Errorf("%w: 16 traces", ErrTooMany)
	resp, err := http.Get(serveAPI(t, d, time.Minute).URL + "/v1/trace")
	if status, body := answer(t, resp, err); status != http.StatusTooManyRequests || !strings.Contains(body, "16 traces") {
		t.Errorf("%d %s", status, body)
	}
}

// TestTraceOfASlowReader: who does not read ends his trace, and nobody waits for him.
func TestTraceOfASlowReader(t *testing.T) {
	d, f := deps(), newTracing()
	d.Tracer = f
	s := serveAPI(t, d, 200*time.Millisecond)
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // a test's
	if _, err := fmt.Fprint(c, "GET /v1/trace HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	go f.flood()
	f.ended(t)
}

// TestServeEndsTraces: when Serve ends, so do they, and it returns after them.
func TestServeEndsTraces(t *testing.T) {
	certFile, keyFile := writePair(t)
	operator, pin := client(t, certFile, 0)
	ctx, cancel := context.WithCancel(t.Context())
	d, f, served, done := deps(), newTracing(), make(addresses, 1), make(chan error, 1)
	d.Log, d.Tracer, d.Audit = logger(served), f, new(calls)
	go func() {
		done <- Serve(ctx, config.Admin{Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile, ClientKeyPins: []string{pin}}, d)
	}()
	resp, err := operator.Get("https://" + <-served + "/v1/trace")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test's
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	select {
	case <-f.stopped:
	default:
		t.Error("Serve returned before the trace had ended")
	}
	if _, err := io.ReadAll(resp.Body); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
}

// slow is a broker that takes longer to answer than a call may take there.
type slow struct{ fake }

func (s *slow) Users(string, Range) (p api.Page[api.User]) {
	<-time.After(150 * time.Millisecond)
	return p
}

// TestSlowAnswer: what takes long to find out arrives all the same.
func TestSlowAnswer(t *testing.T) {
	d := deps()
	d.Access = new(slow)
	resp, err := http.Get(serveAPI(t, d, time.Minute).URL + "/v1/users")
	if status, body := answer(t, resp, err); status != http.StatusOK || !strings.Contains(body, "total") {
		t.Errorf("%d %s", status, body)
	}
}
