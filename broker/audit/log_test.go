package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// clock is set by the test.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func newClock() *clock { return &clock{time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)} }

func settings(perMinute, perSecond int32) config.Audit {
	return config.Audit{AuditSettings: config.AuditSettings{Enabled: true, EntriesPerMinutePerClient: perMinute, EntriesPerSecond: perSecond}}
}

func open(t *testing.T, c config.Audit, out *bytes.Buffer, k *clock) *Log {
	t.Helper()
	l, err := Open(c, out, slog.New(slog.DiscardHandler), k.now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// finish writes what waits.
func finish(l *Log) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	l.Run(ctx)
}

func TestEntries(t *testing.T) {
	var out bytes.Buffer
	l := open(t, settings(60, 1000), &out, newClock())
	l.Write(Entry{Event: Connected, ClientID: "pump-7", Username: "alice", Listener: "mqtts", Peer: "10.0.0.7:51234", Protocol: "5.0", Certificate: "CN=pump-7"})
	l.Write(Entry{Event: Denied, ClientID: "pump\n7", Action: "publish", Topic: strings.Repeat("x", 600)})
	l.Write(Entry{Event: Refused, Code: "Banned", Reason: `too "many"`})
	l.Write(Entry{Event: Disconnected})
	l.Write(Entry{Event: Admin, Call: "POST /v1/restore", Status: 500})
	finish(l)
	const head = `{"time":"2026-05-04T03:02:01Z","stream":"audit","event":`
	want := head + `"connected","client_id":"pump-7","username":"alice","listener":"mqtts","peer":"10.0.0.7:51234","protocol":"5.0","certificate":"CN=pump-7"}
` + head + `"denied","client_id":"pump\n7","action":"publish","topic":"` + strings.Repeat("x", 512) + `..."}
` + head + `"refused","code":"Banned","reason":"too \"many\""}
` + head + `"disconnected","seconds":0}
` + head + `"admin","call":"POST /v1/restore","status":500}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got, want := l.Stats(), (Stats{Written: 5}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

// TestRates: neither one client nor all together have more written than they may, and what was left out is said.
func TestRates(t *testing.T) {
	var out bytes.Buffer
	k := newClock()
	l := open(t, settings(3, 10), &out, k)
	write := func(key string, n int) {
		for range n {
			l.Write(Entry{Event: Denied, Key: key})
		}
	}
	write("a", 5)
	write("b", 1)
	if got, want := l.Stats().RateLimited, uint64(2); got != want {
		t.Errorf("one client: %d left out, want %d", got, want)
	}
	for i := range 20 {
		write(fmt.Sprint(i), 1)
	}
	if got, want := l.Stats().RateLimited, uint64(2+14); got != want {
		t.Errorf("all together: %d left out, want %d", got, want)
	}
	k.at = k.at.Add(time.Second)
	write("c", 1)
	write("a", 1)
	if got, want := l.Stats().RateLimited, uint64(2+14+1); got != want {
		t.Errorf("a second later: %d left out, want %d", got, want)
	}
	k.at = k.at.Add(time.Minute)
	write("a", 1)
	finish(l)
	if got := strings.Count(out.String(), "\n"); got != 10+1+1+1 {
		t.Errorf("%d lines:\n%s", got, &out)
	}
	if !strings.Contains(out.String(), `"event":"left_out","entries":17}`) {
		t.Errorf("what was left out is not said:\n%s", &out)
	}
}

// TestManyClients: whom it counts for is bounded.
func TestManyClients(t *testing.T) {
	k := newClock()
	r := newRates(1, 0)
	r.turn(k.at)
	for i := range maxKeys + 100 {
		r.allow(fmt.Sprint(i), k.at)
	}
	if len(r.counts) > maxKeys+1 {
		t.Errorf("%d are counted for", len(r.counts))
	}
	if r.forgotten != 99 { // one of those beyond
		t.Errorf("%d left out", r.forgotten)
	}
}

// TestSlow: who writes entries does not wait for who takes them.
func TestSlow(t *testing.T) {
	var out bytes.Buffer
	l := open(t, settings(0, 0), &out, newClock())
	for range maxWaiting + 7 {
		l.Write(Entry{Event: Connected})
	}
	finish(l)
	if got, want := l.Stats(), (Stats{Written: maxWaiting, Overflown: 7}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

// broken can write one line, the third.
type broken struct{ lines int }

func (b *broken) Write(line []byte) (int, error) {
	if b.lines++; b.lines == 3 {
		return len(line), nil
	}
	return 0, errors.New("no space left")
}

// TestFailure: of a row of failures the first is logged.
func TestFailure(t *testing.T) {
	var said bytes.Buffer
	l, err := Open(settings(0, 0), new(broken), slog.New(slog.NewTextHandler(&said, nil)), newClock().now)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		l.Write(Entry{Event: Connected})
	}
	finish(l)
	if l.Stats() != (Stats{Written: 1, Failed: 4}) || strings.Count(said.String(), "no space left") != 2 {
		t.Errorf("stats %+v, said:\n%s", l.Stats(), &said)
	}
}

// TestFile: entries are appended, the file gives way to another when it is full, and only its owner reads it.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte("from before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := settings(0, 0)
	c.File, c.MaxFileBytes = path, 250
	for range 2 {
		l := open(t, c, nil, newClock())
		for i := range 2 {
			l.Write(Entry{Event: Connected, ClientID: fmt.Sprint("client-", i)})
		}
		finish(l)
	}
	for file, lines := range map[string]int{path: 2, path + ".1": 3} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(data), "\n") != lines || len(data) > 250 {
			t.Errorf("%s:\n%s", file, data)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	c.File = filepath.Join(path, "under a file")
	if _, err := Open(c, nil, slog.New(slog.DiscardHandler), newClock().now); err == nil || !strings.Contains(err.Error(), "open audit log") {
		t.Errorf("a path that cannot be: %v", err)
	}
}

func TestNone(t *testing.T) {
	l, err := Open(config.Audit{}, nil, nil, nil)
	if l != nil || err != nil {
		t.Fatalf("%v, %v", l, err)
	}
	l.Write(Entry{Event: Connected})
	l.Run(context.Background())
	if l.Stats() != (Stats{}) {
		t.Errorf("%+v", l.Stats())
	}
}
