package admin

import (
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// fine are the facts of a broker with which nothing is wrong.
func fine() *Facts {
	return &Facts{
		Overview: api.Overview{
			Time: noon, Connections: 10, QueuedBytes: 10, MemoryBytes: 10, MemoryLimitBytes: 100,
			Dropped: map[string]uint64{"queue_full": 7, "expired": 9}, Refused: map[string]uint64{"connections": 3}, FailedAuthentications: 100, Denied: 100,
			Store:     &api.Store{Healthy: true, DiskFreeBytes: 50},
			Listeners: []api.Listener{{Name: "plain"}, {Name: "tls", CertificateExpires: new(noon.AddDate(0, 1, 0))}},
		},
		AuthLoaded: true, FailedHandshakes: 100, DiskBytes: 100, QueuedBytesLimit: 100, ConnectionsLimit: 100,
		Before: Counters{
			Time: noon.Add(-time.Minute), Dropped: map[string]uint64{"queue_full": 7, "expired": 2}, Refused: map[string]uint64{"connections": 3},
			FailedAuthentications: 91, FailedHandshakes: 91, Denied: 91,
		},
	}
}

func TestNoProblems(t *testing.T) {
	if got := problems(fine()); got == nil || len(got) != 0 {
		t.Errorf("%+v", got)
	}
	memory := fine()
	memory.Store, memory.Before = nil, Counters{}
	memory.Dropped["queue_full"] = 1000 // since when is not known
	if got := problems(memory); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestProblems(t *testing.T) {
	for _, test := range []struct {
		reason, severity string
		change           func(*Facts)
		message          string
	}{
		{"AuthNotLoaded", "Error", func(f *Facts) { f.AuthLoaded, f.AuthFailure = false, "no manifest" }, "every client is refused: no manifest"},
		{"AuthNotReloaded", "Warning", func(f *Facts) { f.AuthFailure = "line 3" }, "stay in force: line 3"},
		{"StoreUnhealthy", "Error", func(f *Facts) { f.Store.Healthy, f.StoreFailure = false, "no space" }, "refused: no space"},
		{"NotReady", "Error", func(f *Facts) { f.NotReady = "starting" }, "starting"},
		{"CertificateExpired", "Error", func(f *Facts) { f.Listeners[1].CertificateExpires = new(noon) }, "listener tls expired at 2026-01-02T12:00:00Z"},
		{"CertificateExpiring", "Warning", func(f *Facts) { f.Listeners[1].CertificateExpires = new(noon.AddDate(0, 0, 6)) }, "expires in 144h0m0s"},
		{"DiskNearlyFull", "Warning", func(f *Facts) { f.Store.DiskFreeBytes = 9 }, "are left"},
		{"MemoryNearlyFull", "Warning", func(f *Facts) { f.MemoryBytes = 95 }, "the process has"},
		{"QueuesNearlyFull", "Warning", func(f *Facts) { f.QueuedBytes = 90 }, "wait for sessions"},
		{"ConnectionsNearlyFull", "Warning", func(f *Facts) { f.Connections = 90 }, "90 of 100 connections"},
		{"MessagesDropped", "Warning", func(f *Facts) { f.Dropped["queue_full"] = 12 }, "5 messages were dropped in the last 1m0s: the queue of a session was full"},
		{"ConnectionsRefused", "Warning", func(f *Facts) { f.Refused["connections"] = 5 }, "2 connections were refused in the last 1m0s: connections"},
		{"HandshakesFail", "Warning", func(f *Facts) { f.FailedHandshakes = 101 }, "10 TLS handshakes failed"},
		{"AuthenticationsFail", "Warning", func(f *Facts) { f.FailedAuthentications = 101 }, "10 connections came with wrong credentials"},
		{"AccessDenied", "Warning", func(f *Facts) { f.Denied = 101 }, "denied 10 publishes and subscriptions in the last 1m0s"},
		{"BansInForce", "Warning", func(f *Facts) { f.BannedClients = 2 }, "0 addresses and 2 clients"},
		{"ClientsThrottled", "Warning", func(f *Facts) { f.Throttled = 3 }, "3 clients"},
	} {
		f := fine()
		test.change(f)
		got := problems(f)
		if len(got) != 1 {
			t.Errorf("%s: %+v", test.reason, got)
			continue
		}
		p := got[0]
		if p.Reason != test.reason || p.Severity != test.severity || !strings.Contains(p.Message, test.message) || p.Remedy == "" {
			t.Errorf("%s: %+v", test.reason, p)
		}
	}
}

// TestProblemsOrder: the worst first.
func TestProblemsOrder(t *testing.T) {
	f := fine()
	f.Throttled, f.Store.Healthy, f.MemoryBytes = 1, false, 100
	var reasons []string
	for _, p := range problems(f) {
		reasons = append(reasons, p.Reason)
	}
	if got := strings.Join(reasons, " "); got != "StoreUnhealthy MemoryNearlyFull ClientsThrottled" {
		t.Error(got)
	}
}

// TestDropReasons: each reason that the metrics have is explained, but for what was meant to be dropped.
func TestDropReasons(t *testing.T) {
	for _, reason := range []string{"queue_full", "outbox_full", "too_large", "no_member", "refused"} {
		f := fine()
		f.Dropped[reason] = 1000
		if got := problems(f); len(got) != 1 || got[0].Reason != "MessagesDropped" {
			t.Errorf("%s: %+v", reason, got)
		}
	}
}
