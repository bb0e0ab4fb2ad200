package keypair

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func (l lines) wait(t *testing.T, text string) {
	t.Helper()
	for deadline := time.After(10 * time.Second); ; {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return
			}
		case <-deadline:
			t.Fatalf("nothing was logged with %q", text)
		}
	}
}

func TestPairFollowsItsFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, "one")
	log := make(lines, 100)
	p, err := Open(certFile, keyFile, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	}()
	name := func() string {
		c, err := p.Certificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}

	keypairtest.Write(t, dir, "two")
	log.wait(t, "certificate reloaded")
	if name() != "two" {
		t.Errorf("certificate of %s, want two", name())
	}
	for _, bad := range []struct{ what, cert, want string }{
		{"of another key", string(first(keypairtest.New(t, "three"))), "private key does not match"},
		{"not PEM", "hello", "failed to find any PEM data"},
		{"too large", strings.Repeat("x", maxBytes+1), "more than 1048576 bytes"},
		{"empty", "", "failed to find any PEM data"},
	} {
		if err := os.WriteFile(certFile, []byte(bad.cert), 0o600); err != nil {
			t.Fatal(err)
		}
		log.wait(t, bad.want)
		if name() != "two" {
			t.Errorf("%s: certificate of %s, want that of two to stay", bad.what, name())
		}
	}
	keypairtest.Write(t, dir, "four")
	log.wait(t, "certificate reloaded")
	if name() != "four" {
		t.Errorf("certificate of %s, want four", name())
	}
}

func first(a, _ []byte) []byte { return a }

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, "one")
	tests := []struct{ cert, key, want string }{
		{dir + "/none", keyFile, "certificate: read file: stat " + dir + "/none: no such file"},
		{certFile, dir + "/none", "certificate key: read file: stat " + dir + "/none: no such file"},
		{keyFile, certFile, "certificate " + keyFile + " with key " + certFile},
	}
	for _, test := range tests {
		if _, err := Open(test.cert, test.key, slog.Default()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Open(%s, %s) = %v, want %s", test.cert, test.key, err, test.want)
		}
	}
}
