package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/dunlin-mqtt/dunlin/broker/histogram"
)

type source func() Snapshot

func (s source) Metrics() Snapshot { return s() }

// scrape is the lines about dunlin_ that a GET yields.
func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(w.Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("GET: %d %s, %v", w.Code, body, err)
	}
	if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("Content-Type: %s", w.Header().Get("Content-Type"))
	}
	var lines strings.Builder
	for line := range strings.Lines(string(body)) {
		if strings.Contains(line, "_bucket{") && !strings.Contains(line, `le="5e-05"`) && !strings.Contains(line, `le="0.0001"`) && !strings.Contains(line, "+Inf") {
			continue // three of a histogram will do
		}
		if strings.HasPrefix(line, "dunlin_") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// TestMetrics: every field of the Snapshot is shown, under its name, as it is at the moment of the scrape.
func TestMetrics(t *testing.T) {
	now := Snapshot{}
	h := New(source(func() Snapshot { return now }))
	want := `dunlin_auth_info{revision=""} 1
dunlin_auth_load_failed 0
dunlin_auth_users 0
dunlin_build_info{version=""} 1
dunlin_connections 0
dunlin_connections_accepted_total 0
dunlin_connections_previous_password 0
dunlin_failed_authentications_total 0
dunlin_messages_dropped_total{reason="expired"} 0
dunlin_messages_dropped_total{reason="no_member"} 0
dunlin_messages_dropped_total{reason="outbox_full"} 0
dunlin_messages_dropped_total{reason="queue_full"} 0
dunlin_messages_dropped_total{reason="refused"} 0
dunlin_messages_dropped_total{reason="too_large"} 0
dunlin_queued_bytes 0
dunlin_queued_messages 0
dunlin_received_bytes_total 0
dunlin_received_payload_bytes_total 0
dunlin_retained_messages 0
dunlin_sent_bytes_total 0
dunlin_sent_payload_bytes_total 0
dunlin_sessions 0
dunlin_sessions_connected 0
dunlin_sessions_connected_peak 0
dunlin_sessions_expired_total 0
dunlin_shared_subscriptions 0
dunlin_store_commit_duration_seconds_bucket{le="5e-05"} 0
dunlin_store_commit_duration_seconds_bucket{le="0.0001"} 0
dunlin_store_commit_duration_seconds_bucket{le="+Inf"} 0
dunlin_store_commit_duration_seconds_sum 0
dunlin_store_commit_duration_seconds_count 0
dunlin_store_disk_bytes 0
dunlin_store_records_total 0
dunlin_store_sync_duration_seconds_bucket{le="5e-05"} 0
dunlin_store_sync_duration_seconds_bucket{le="0.0001"} 0
dunlin_store_sync_duration_seconds_bucket{le="+Inf"} 0
dunlin_store_sync_duration_seconds_sum 0
dunlin_store_sync_duration_seconds_count 0
dunlin_store_up 0
dunlin_store_writes_total 0
dunlin_store_written_bytes_total 0
dunlin_subscriptions 0
dunlin_throttled_clients 0
dunlin_throttles_total 0
`
	if diff := cmp.Diff(want, scrape(t, h)); diff != "" {
		t.Errorf("nothing counted (-want +got):\n%s", diff)
	}
	now = Snapshot{
		StoreUp: true, StoreWrites: 1, StoreRecords: 2, StoreBytes: 3, StoreSyncs: took(4, 100*time.Microsecond), StoreCommits: took(2, time.Minute), StoreDiskBytes: 6,
		Sessions: 7, Subscriptions: 8, Retained: 9, QueuedMessages: 10, QueuedBytes: 11, Connections: 12, PreviousPasswords: 42,
		Throttled: 19, ThrottledTotal: 20, FailedAuthentications: 21, Refused: map[string]uint64{"full": 22, "late": 23},
		Bans: map[string]int64{"cat": 24}, BansTotal: map[string]uint64{"cat": 25},
		Dropped: map[string]uint64{
			DroppedQueueFull: 13, DroppedOutboxFull: 14, DroppedExpired: 15, DroppedTooLarge: 16, DroppedRefused: 17, DroppedNoMember: 19, "new": 18,
		},
		AuthFailures: map[string]uint64{"busy": 31}, Denials: map[string]uint64{"publish": 32}, Audit: map[string]uint64{"failed": 41}, AuthRevision: "abc", AuthUsers: 33, AuthFailed: true,
		Clients: []Clients{{Listener: "mqtt", Version: "5.0", Open: 34, Total: 35}}, Handshakes: map[string]uint64{"mqtts": 36},
		Expiries: []Expiry{
			{"mqtts", "client_ca", "/ca.crt", time.Unix(38, 0)}, {"mqtts", "client_ca", "/ca.crt", time.Unix(37, 0)}, {"mqtts", "certificate", "/tls.crt", time.Unix(39, 0)},
		},
		PublishDurations: map[string]histogram.Snapshot{"memory": took(40, 0)},
		Version:          "1.2.3", Sockets: 19, Connected: 20, ConnectedMaximum: 21, SessionsExpired: 22, SharedSubscriptions: 23,
		Received: Traffic{Packets: map[string]uint64{"connect": 24, "publish": 25}, Bytes: 26, PayloadBytes: 27},
		Sent:     Traffic{Packets: map[string]uint64{"connack": 28}, Bytes: 29, PayloadBytes: 30},
	}
	want = `dunlin_audit_entries_total{outcome="failed"} 41
dunlin_auth_info{revision="abc"} 1
dunlin_auth_load_failed 1
dunlin_auth_users 33
dunlin_authentication_failures_total{reason="busy"} 31
dunlin_bans{kind="cat"} 24
dunlin_bans_total{kind="cat"} 25
dunlin_build_info{version="1.2.3"} 1
dunlin_certificate_expiry_timestamp_seconds{kind="certificate",listener="mqtts",path="/tls.crt"} 39
dunlin_certificate_expiry_timestamp_seconds{kind="client_ca",listener="mqtts",path="/ca.crt"} 37
dunlin_client_connections{listener="mqtt",version="5.0"} 34
dunlin_client_connects_total{listener="mqtt",version="5.0"} 35
dunlin_connections 12
dunlin_connections_accepted_total 19
dunlin_connections_previous_password 42
dunlin_connections_refused_total{reason="full"} 22
dunlin_connections_refused_total{reason="late"} 23
dunlin_denials_total{action="publish"} 32
dunlin_failed_authentications_total 21
dunlin_messages_dropped_total{reason="expired"} 15
dunlin_messages_dropped_total{reason="new"} 18
dunlin_messages_dropped_total{reason="no_member"} 19
dunlin_messages_dropped_total{reason="outbox_full"} 14
dunlin_messages_dropped_total{reason="queue_full"} 13
dunlin_messages_dropped_total{reason="refused"} 17
dunlin_messages_dropped_total{reason="too_large"} 16
dunlin_packets_received_total{type="connect"} 24
dunlin_packets_received_total{type="publish"} 25
dunlin_packets_sent_total{type="connack"} 28
dunlin_publish_duration_seconds_bucket{path="memory",le="5e-05"} 40
dunlin_publish_duration_seconds_bucket{path="memory",le="0.0001"} 40
dunlin_publish_duration_seconds_bucket{path="memory",le="+Inf"} 40
dunlin_publish_duration_seconds_sum{path="memory"} 0
dunlin_publish_duration_seconds_count{path="memory"} 40
dunlin_queued_bytes 11
dunlin_queued_messages 10
dunlin_received_bytes_total 26
dunlin_received_payload_bytes_total 27
dunlin_retained_messages 9
dunlin_sent_bytes_total 29
dunlin_sent_payload_bytes_total 30
dunlin_sessions 7
dunlin_sessions_connected 20
dunlin_sessions_connected_peak 21
dunlin_sessions_expired_total 22
dunlin_shared_subscriptions 23
dunlin_store_commit_duration_seconds_bucket{le="5e-05"} 0
dunlin_store_commit_duration_seconds_bucket{le="0.0001"} 0
dunlin_store_commit_duration_seconds_bucket{le="+Inf"} 2
dunlin_store_commit_duration_seconds_sum 120
dunlin_store_commit_duration_seconds_count 2
dunlin_store_disk_bytes 6
dunlin_store_records_total 2
dunlin_store_sync_duration_seconds_bucket{le="5e-05"} 0
dunlin_store_sync_duration_seconds_bucket{le="0.0001"} 4
dunlin_store_sync_duration_seconds_bucket{le="+Inf"} 4
dunlin_store_sync_duration_seconds_sum 0.0004
dunlin_store_sync_duration_seconds_count 4
dunlin_store_up 1
dunlin_store_writes_total 1
dunlin_store_written_bytes_total 3
dunlin_subscriptions 8
dunlin_throttled_clients 19
dunlin_throttles_total 20
dunlin_tls_handshakes_failed_total{listener="mqtts"} 36
`
	if diff := cmp.Diff(want, scrape(t, h)); diff != "" {
		t.Errorf("all counted (-want +got):\n%s", diff)
	}
}

// took is n things that took so long each.
func took(n uint64, each time.Duration) histogram.Snapshot {
	var h histogram.Histogram
	h.Observe(each, n)
	return h.Snapshot()
}

// TestAll: what is documented is what is shown.
func TestAll(t *testing.T) {
	var names []string
	for _, m := range All() {
		if m.Help == "" || m.Type == "" || !strings.HasPrefix(m.Name, "dunlin_") {
			t.Errorf("%+v", m)
		}
		names = append(names, m.Name)
	}
	if len(names) != len(metrics)+len(families)+len(distributions) || !slices.IsSorted(names) || len(slices.Compact(names)) != len(All()) {
		t.Errorf("names are %v", names)
	}
}

// TestConventions: promtool's own linter finds nothing, and each metric has a help text.
func TestConventions(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(collector{source(func() Snapshot { return Snapshot{} })})
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetHelp() == "" {
			t.Errorf("%s has no help text", f.GetName())
		}
	}
}

// TestProcess: what is usual of a Go program is there too.
func TestProcess(t *testing.T) {
	w := httptest.NewRecorder()
	New(source(func() Snapshot { return Snapshot{} })).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, name := range []string{"\ngo_goroutines ", "\ngo_gc_duration_seconds_count "} {
		if !strings.Contains(w.Body.String(), name) {
			t.Errorf("%q is not there", name)
		}
	}
}

// TestTooManyScrapes: those that wait for a slow broker are bounded.
func TestTooManyScrapes(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	h := New(source(func() Snapshot {
		entered <- struct{}{}
		<-leave
		return Snapshot{}
	}))
	var running sync.WaitGroup
	for range maxScrapes {
		running.Go(func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
		})
		<-entered
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d", w.Code)
	}
	close(leave)
	running.Wait()
}
