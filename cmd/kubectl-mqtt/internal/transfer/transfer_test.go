package transfer

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// content is a backup: more than sockets and buffers hold.
var content = bytes.Repeat([]byte("dunlin"), 2<<20)

// fake is a broker with nothing but the real admin API. It starts again after a restore, as a broker does.
type fake struct {
	adminapi.Target
	starts   atomic.Int32
	notReady func(start int32) error
	backup   func(ctx context.Context, w io.Writer) error
	restore  func(ctx context.Context, r io.Reader) error
	stall    time.Duration // of the client; 0: as ever
	lingers  time.Duration // the one of before, after a restore
}

func (f *fake) run(t *testing.T) *fake {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	_ = ln.Close()
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), children.AdminServerName)
	serverPEM, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	certPEM, keyPEM := keypairtest.New(t, "operator")
	sum := sha256.Sum256(keypairtest.Pair(t, certPEM, keyPEM).Leaf.RawSubjectPublicKeyInfo)
	cfg := config.Admin{Address: address, CertFile: certFile, KeyFile: keyFile, ClientKeyPins: []string{hex.EncodeToString(sum[:])}}
	secured, err := adminapi.ClientTLS(certPEM, keyPEM, serverPEM)
	if err != nil {
		t.Fatal(err)
	}
	f.Target = adminapi.ToAddress("Broker test", "the test's log", address, secured)
	connect := f.Connect
	f.Connect = func(ctx context.Context) (*adminapi.Client, error) {
		c, err := connect(ctx)
		if err == nil && f.stall > 0 {
			c.Stall = f.stall
		}
		return c, err
	}
	f.serve(t, cfg)
	return f
}

// serve runs admin.Serve, again and again, until the test ends.
func (f *fake) serve(t *testing.T, cfg config.Admin) {
	ctx, stop := context.WithCancel(context.Background())
	done, listening := make(chan struct{}), make(chan struct{}, 100)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			start, again := context.WithCancel(ctx)
			number := f.starts.Add(1)
			d := admin.Deps{
				AuthRevision: func() string { return "" }, Log: slog.New(slog.NewTextHandler(signalWriter(listening), nil)),
				Ready:  func() error { return f.notReady(number) },
				Backup: f.backup,
			}
			if f.restore != nil {
				d.Restore = func(ctx context.Context, r io.Reader) error {
					err := f.restore(ctx, r)
					if err == nil {
						time.AfterFunc(f.lingers, again)
					}
					return err
				}
			}
			err := admin.Serve(start, cfg, d)
			again()
			if err != nil {
				t.Errorf("serve: %v", err)
				listening <- struct{}{}
				break
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	<-listening
}

// signalWriter is told of each line of a log.
type signalWriter chan<- struct{}

func (s signalWriter) Write(p []byte) (int, error) {
	select {
	case s <- struct{}{}:
	default:
	}
	return len(p), nil
}

func always(int32) error { return nil }

func gives(data []byte) func(context.Context, io.Writer) error {
	return func(_ context.Context, w io.Writer) error { _, err := w.Write(data); return err }
}

func quiet(int64) {}

// only says that dir has these files and no other.
func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != strings.Join(want, " ") {
		t.Errorf("in the folder: %v, want %v", names, want)
	}
}

func TestSave(t *testing.T) {
	f := (&fake{notReady: always, backup: gives(content)}).run(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "edge.backup")
	if err := os.WriteFile(file+".part", []byte("of one that was killed"), 0o666); err != nil {
		t.Fatal(err)
	}
	var last int64
	size, err := Save(t.Context(), f.Target, file, false, func(n int64) { last = n })
	if err != nil || size != int64(len(content)) || last != size {
		t.Fatalf("%d bytes, progress %d, %v; want %d", size, last, err, len(content))
	}
	got, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("the file has %d bytes, %v", len(got), err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	only(t, dir, "edge.backup")

	if _, err := Save(t.Context(), f.Target, file, false, quiet); err == nil || !strings.Contains(err.Error(), "is there already: choose another name, or replace it with --force") {
		t.Errorf("a second time: %v", err)
	}
	if _, err := Save(t.Context(), f.Target, file, true, quiet); err != nil {
		t.Errorf("by force: %v", err)
	}
	if _, err := Save(t.Context(), f.Target, dir, true, quiet); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("over a folder: %v", err)
	}
	only(t, dir, "edge.backup")
}

// TestSaveFails: there is no file then, and an old one stays as it is.
func TestSaveFails(t *testing.T) {
	for _, test := range []struct {
		name string
		f    *fake
		want string
	}{
		{"nothing is kept", &fake{}, "there is nothing to back up: the store keeps nothing"},
		{"an error at once", &fake{backup: func(context.Context, io.Writer) error { return errors.New("open snapshot: no") }}, "open snapshot: no"},
		{"an error in its midst", &fake{backup: func(_ context.Context, w io.Writer) error {
			_, _ = w.Write(content[:1<<20])
			return errors.New("read pair: damaged")
		}}, "receive the backup, after 1048576 bytes: unexpected EOF"},
		{"it stands still", &fake{stall: 100 * time.Millisecond, backup: func(ctx context.Context, w io.Writer) error {
			_, _ = w.Write(content[:1<<20])
			<-ctx.Done()
			return ctx.Err()
		}}, "nothing has moved for 100ms"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.f.notReady = always
			f, dir := test.f.run(t), t.TempDir()
			file := filepath.Join(dir, "edge.backup")
			if _, err := Save(t.Context(), f.Target, file, false, quiet); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			only(t, dir)
			if err := os.WriteFile(file, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Save(t.Context(), f.Target, file, true, quiet); err == nil {
				t.Error("by force: no error")
			}
			if got, err := os.ReadFile(file); string(got) != "old" {
				t.Errorf("the old file is %q, %v", got, err)
			}
			only(t, dir, "edge.backup")
		})
	}
}

// TestSaveInterrupted: Ctrl-C leaves nothing behind.
func TestSaveInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := (&fake{notReady: always, backup: func(ctx context.Context, w io.Writer) error {
		_, _ = w.Write(content[:1<<20])
		<-ctx.Done()
		return ctx.Err()
	}}).run(t)
	dir := t.TempDir()
	_, err := Save(ctx, f.Target, filepath.Join(dir, "b"), false, func(n int64) {
		if n == 1<<20 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	only(t, dir)
}

// write makes a file with a backup, and opens it.
func write(t *testing.T, data []byte) (*os.File, int64) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	f, size, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, size
}

// TestLoad: it returns when another instance is ready, not when the old one still is.
func TestLoad(t *testing.T) {
	var got []byte
	var asked atomic.Int32
	f := (&fake{
		lingers: pollInterval + pollInterval/2,
		notReady: func(start int32) error {
			if start > 1 && asked.Add(1) <= 2 {
				return errors.New("replaying")
			}
			return nil
		},
		restore: func(_ context.Context, r io.Reader) (err error) { got, err = io.ReadAll(r); return err },
	}).run(t)
	file, size := write(t, content)
	var last int64
	sent := 0
	err := Load(t.Context(), f.Target, file, size, time.Minute, func(n int64) { last = n }, func() { sent++ })
	if err != nil || !bytes.Equal(got, content) || last != size || sent != 1 {
		t.Errorf("%v; the broker has got %d bytes, progress %d, sent %d", err, len(got), last, sent)
	}
	if f.starts.Load() != 2 || asked.Load() < 3 {
		t.Errorf("%d starts, asked %d times", f.starts.Load(), asked.Load())
	}
}

func TestLoadFails(t *testing.T) {
	takes := func(_ context.Context, r io.Reader) error { _, err := io.Copy(io.Discard, r); return err }
	for _, test := range []struct {
		name string
		f    *fake
		want []string
		sent bool
	}{
		{"nothing is kept", &fake{notReady: always}, []string{"send the backup: there is nothing to restore into"}, false},
		{"a stream that is not good", &fake{notReady: always, restore: func(_ context.Context, r io.Reader) error {
			_, err := io.CopyN(io.Discard, r, 100)
			return errors.Join(err, errors.New("the backup is of format 9: use a newer version"))
		}}, []string{"the backup is of format 9: use a newer version; nothing was changed"}, false},
		{"not ready afterwards", &fake{restore: takes, notReady: func(start int32) error {
			if start > 1 {
				return errors.New("the store is full")
			}
			return nil
		}}, []string{"Broker test has taken the backup, but: it is not ready after 2s: the store is full", "see its log (the test's log)"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := test.f.run(t)
			file, size := write(t, content)
			sent := false
			err := Load(t.Context(), f.Target, file, size, 2*time.Second, quiet, func() { sent = true })
			if err == nil || sent != test.sent {
				t.Fatalf("got %v, sent: %v", err, sent)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	f := (&fake{notReady: always}).run(t)
	f.Connect = adminapi.ToAddress("", "", "127.0.0.1:1", nil).Connect
	dir := t.TempDir()
	if _, err := Save(t.Context(), f.Target, filepath.Join(dir, "b"), false, quiet); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("Save: %v", err)
	}
	only(t, dir)
	file, size := write(t, content)
	if err := Load(t.Context(), f.Target, file, size, time.Second, quiet, func() {}); err == nil || !strings.Contains(err.Error(), "ask for the broker's status: ") {
		t.Errorf("Load: %v", err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for file, want := range map[string]string{empty: "is empty", dir: "is not a file"} {
		if _, _, err := Open(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
	}
}
