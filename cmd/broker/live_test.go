package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// journal is a log that several goroutines write and the test reads.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// until waits for a line that has words, and returns the log so far.
func (j *journal) until(t *testing.T, words string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		j.mu.Lock()
		text := j.text.String()
		j.mu.Unlock()
		if strings.Contains(text, words) {
			return text
		}
		if time.Now().After(deadline) {
			t.Fatalf("%q is not said:\n%s", words, text)
		}
	}
}

// TestLiveFile: a changed file is taken over without a restart, one that is broken is said and changes nothing, and
// what needs a restart is said too.
func TestLiveFile(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	file := filepath.Join(t.TempDir(), "broker.yaml")
	write := func(more string) {
		t.Helper()
		text := fmt.Sprintf("listeners: [{name: mqtt, protocol: MQTT, port: %d, host: 127.0.0.1}]\nauthentication: {allowAnonymous: true}\n%s\n", port, more)
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("")
	var said journal
	c := &configured{from: source{file: file}, level: new(slog.LevelVar)}
	if c.cfg, c.revision, err = c.from.read(); err != nil {
		t.Fatal(err)
	}
	c.log = newLogger(c.cfg.Log, c.level, &said)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.run(ctx) }()
	said.until(t, `"msg":"listening"`)

	write("limits: {maxConnections: 1}")
	said.until(t, `"msg":"configuration reloaded"`)
	write("limits: {maxConnections: -1}")
	said.until(t, "the changed configuration cannot be used, the old one stays")
	said.until(t, "limits.maxConnections")
	write("log: {level: Debug}\nmqtt: {maxQoS: 1}")
	said.until(t, "configuration reloaded, but for what needs a restart")
	if got := c.level.Level(); got != slog.LevelDebug {
		t.Errorf("level %v", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if c.cfg.Limits.MaxConnections != 0 || *c.cfg.MQTT.MaxQoS != 2 {
		t.Errorf("another start in the same process has %+v", c.cfg)
	}
}
