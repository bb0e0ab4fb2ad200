package admin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// serveAPI is the admin API's handler on a server that has the real one's time limits, but for its patience.
func serveAPI(t *testing.T, d Deps, patience time.Duration) *httptest.Server {
	t.Helper()
	api := newEndpoints(d, newCallers(config.Admin{}, testTokens(t), nil), patience).handler()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" { // most tests are not about who calls
			r.Header.Set("Authorization", "Bearer writer")
		}
		api.ServeHTTP(w, r)
	}))
	s.Config.ReadTimeout, s.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// answer is the status and text of an answer, of which the body must be whole.
func answer(t *testing.T, resp *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test's
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// big is more than sockets and buffers hold.
var big = bytes.Repeat([]byte("dunlin"), 4<<20)

// testTokens has the tokens reader and writer.
func testTokens(t *testing.T) *tokens {
	t.Helper()
	lines := ""
	for name, role := range map[string]Role{"reader": Read, "writer": Write} {
		lines += fmt.Sprintf("%s:%s:%x\n", name, role, sha256.Sum256([]byte(name)))
	}
	file := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	return openTokens(file, slog.New(slog.DiscardHandler))
}

// TestLongBackup: one that takes longer than a call may take is not told that its caller has gone.
func TestLongBackup(t *testing.T) {
	d := deps()
	d.Backup = func(ctx context.Context, w io.Writer) error {
		_, _ = w.Write([]byte("begin"))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(300 * time.Millisecond):
		}
		_, err := w.Write([]byte(" end"))
		return err
	}
	resp, err := http.Get(serveAPI(t, d, time.Minute).URL + "/v1/backup")
	if status, body := answer(t, resp, err); status != http.StatusOK || body != "begin end" {
		t.Errorf("%d %q", status, body)
	}
}

// TestBackup: any length arrives, though the caller takes longer than a call may take.
func TestBackup(t *testing.T) {
	d := deps()
	d.Backup = func(_ context.Context, w io.Writer) error {
		_, err := w.Write(big)
		return err
	}
	s := serveAPI(t, d, time.Minute)
	resp, err := http.Get(s.URL + "/v1/backup")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test's
	var got bytes.Buffer
	if _, err := io.CopyN(&got, resp.Body, 1000); err != nil {
		t.Fatal(err)
	}
	<-time.After(4 * s.Config.WriteTimeout) // the server's own limits are long gone
	if _, err := io.Copy(&got, resp.Body); err != nil || !bytes.Equal(got.Bytes(), big) {
		t.Errorf("received %d bytes, %v; want %d", got.Len(), err, len(big))
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%s, %v", resp.Status, resp.Header)
	}
}

// TestBackupThatThinks: nothing ends a backup that takes its time before its first byte.
func TestBackupThatThinks(t *testing.T) {
	d, limit := deps(), 50*time.Millisecond
	d.Backup = func(ctx context.Context, w io.Writer) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(4 * limit):
		}
		_, err := io.WriteString(w, "whole")
		return err
	}
	resp, err := http.Get(serveAPI(t, d, time.Minute).URL + "/v1/backup")
	if status, body := answer(t, resp, err); status != http.StatusOK || body != "whole" {
		t.Errorf("%d %q", status, body)
	}
}

// TestBackupBreaksOff: an error after the first byte cuts the body, so that nobody takes it for whole.
func TestBackupBreaksOff(t *testing.T) {
	d := deps()
	d.Backup = func(_ context.Context, w io.Writer) error {
		_, _ = w.Write(big[:1000])
		return errors.New("read pair 7: damaged")
	}
	resp, err := http.Get(serveAPI(t, d, time.Minute).URL + "/v1/backup")
	if err == nil {
		defer resp.Body.Close() //nolint:errcheck // a test's
		_, err = io.ReadAll(resp.Body)
	}
	if err == nil {
		t.Error("a backup that failed in its midst looks whole")
	}
}

// TestBackupOfDeadReader: a caller that takes nothing, and one that goes away, end the backup.
func TestBackupOfDeadReader(t *testing.T) {
	for _, test := range []struct {
		name     string
		patience time.Duration
		goAway   bool
	}{{"takes nothing", 100 * time.Millisecond, false}, {"goes away", time.Minute, true}} {
		t.Run(test.name, func(t *testing.T) {
			d, ended := deps(), make(chan error, 1)
			d.Backup = func(_ context.Context, w io.Writer) error {
				var err error
				for err == nil {
					_, err = w.Write(big)
				}
				ended <- err
				return err
			}
			resp, err := http.Get(serveAPI(t, d, test.patience).URL + "/v1/backup")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close() //nolint:errcheck // a test's
			if test.goAway {
				_ = resp.Body.Close()
			}
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Error("the backup goes on")
			}
		})
	}
}

func TestTransferRefused(t *testing.T) {
	failing := deps()
	failing.Backup = func(context.Context, io.Writer) error { return errors.New("open snapshot: no") }
	failing.Restore = func(_ context.Context, r io.Reader) error {
		_, err := io.CopyN(io.Discard, r, 10)
		return errors.Join(err, errors.New("the backup has format 9, which this version does not know"))
	}
	for _, test := range []struct {
		name, method, path string
		d                  Deps
		status             int
		want               string
	}{
		{"nothing to back up", "GET", "/v1/backup", deps(), 409, "the store keeps nothing (sync is Memory, or store.dir is not set)"},
		{"nothing to restore into", "POST", "/v1/restore", deps(), 409, "the store keeps nothing (sync is Memory, or store.dir is not set)"},
		{"an error before the first byte", "GET", "/v1/backup", failing, 500, "open snapshot: no\n"},
		{"a stream that is not good", "POST", "/v1/restore", failing, 422, "the backup has format 9, which this version does not know; nothing was changed\n"},
		{"HEAD", "HEAD", "/v1/backup", failing, 405, ""},
		{"backup by POST", "POST", "/v1/backup", failing, 405, "this is called by"},
		{"restore by GET", "GET", "/v1/restore", failing, 405, "this is called by"},
	} {
		t.Run(test.name, func(t *testing.T) {
			req, err := http.NewRequest(test.method, serveAPI(t, test.d, time.Minute).URL+test.path, bytes.NewReader(big))
			if err != nil {
				t.Fatal(err)
			}
			if test.method != http.MethodPost {
				req.Body, req.ContentLength = nil, 0
			}
			resp, err := http.DefaultClient.Do(req)
			if status, body := answer(t, resp, err); status != test.status || !strings.Contains(body, test.want) {
				t.Errorf("%d %q, want %d %q", status, body, test.status, test.want)
			}
		})
	}
}

// slowly is a reader that begins, waits for go on, and then ends.
type slowly struct {
	goOn  <-chan time.Time
	parts [][]byte
}

func (s *slowly) Read(p []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	if len(s.parts) == 1 && s.goOn != nil {
		<-s.goOn
		s.goOn = nil
	}
	n := copy(p, s.parts[0])
	if s.parts[0] = s.parts[0][n:]; len(s.parts[0]) == 0 {
		s.parts = s.parts[1:]
	}
	return n, nil
}

// TestRestore: any length is taken, from a caller that takes longer than a call may take, and so may the staging.
func TestRestore(t *testing.T) {
	d, limit := deps(), 50*time.Millisecond
	var got []byte
	d.Restore = func(ctx context.Context, r io.Reader) (err error) {
		if got, err = io.ReadAll(r); err != nil {
			return err
		}
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			return fmt.Errorf("after the end: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(16 * limit):
			return nil
		}
	}
	body := &slowly{goOn: time.After(4 * limit), parts: [][]byte{big[:100], big[100:]}}
	resp, err := http.Post(serveAPI(t, d, 8*limit).URL+"/v1/restore", "application/octet-stream", body)
	if status, body := answer(t, resp, err); status != http.StatusOK || body != "restored: the broker starts again with it\n" {
		t.Errorf("%d %q", status, body)
	}
	if !bytes.Equal(got, big) {
		t.Errorf("received %d bytes, want %d", len(got), len(big))
	}
}

// TestRestoreBreaksOff: an upload that stands still, or ends before its length, is an error of the reader, and no
// restore.
func TestRestoreBreaksOff(t *testing.T) {
	for _, test := range []struct {
		name  string
		close bool
		want  string
	}{
		{"stands still", false, "the upload broke off after 5 bytes: "},
		{"is cut", true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, ended := deps(), make(chan error, 1)
			d.Restore = func(_ context.Context, r io.Reader) error {
				_, err := io.Copy(io.Discard, r)
				ended <- err
				return err
			}
			c, err := net.Dial("tcp", strings.TrimPrefix(serveAPI(t, d, 100*time.Millisecond).URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close() //nolint:errcheck // a test's
			_, _ = fmt.Fprint(c, "POST /v1/restore HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegin")
			if test.close {
				_ = c.Close()
			}
			if err := <-ended; err == nil {
				t.Error("half a body looks whole")
			}
			if got, _ := io.ReadAll(c); !strings.Contains(string(got), test.want) {
				t.Errorf("answer %q, want %q", got, test.want)
			}
		})
	}
}

// TestOneTransfer: a second one is refused while one is under way, and let in after that.
func TestOneTransfer(t *testing.T) {
	d, entered, leave := deps(), make(chan struct{}), make(chan struct{})
	d.Backup = func(context.Context, io.Writer) error {
		entered <- struct{}{}
		<-leave
		return nil
	}
	d.Restore = func(_ context.Context, r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	}
	s := serveAPI(t, d, time.Minute)
	first := make(chan error, 1)
	go func() {
		resp, err := http.Get(s.URL + "/v1/backup")
		if err == nil {
			err = resp.Body.Close()
		}
		first <- err
	}()
	<-entered
	resp, err := http.Get(s.URL + "/v1/backup")
	if status, body := answer(t, resp, err); status != http.StatusConflict || !strings.Contains(body, "under way") {
		t.Errorf("a second backup: %d %q", status, body)
	}
	resp, err = http.Post(s.URL+"/v1/restore", "", bytes.NewReader(big))
	if status, body := answer(t, resp, err); status != http.StatusConflict || !strings.Contains(body, "under way") {
		t.Errorf("a restore beside a backup: %d %q", status, body)
	}
	close(leave)
	if err := <-first; err != nil {
		t.Error(err)
	}
	resp, err = http.Post(s.URL+"/v1/restore", "", strings.NewReader("x"))
	if status, body := answer(t, resp, err); status != http.StatusOK {
		t.Errorf("afterwards: %d %q", status, body)
	}
}

// TestServeWaitsForBackup: when Serve ends, it ends a backup, and returns after it.
func TestServeWaitsForBackup(t *testing.T) {
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "broker")
	operator, pin := client(t, certFile, 0)
	ctx, cancel := context.WithCancel(t.Context())
	d, served, done := deps(), make(addresses, 1), make(chan error, 1)
	d.Log = logger(served)
	ended, told := false, make(chan time.Time, 1)
	d.Backup = func(ctx context.Context, w io.Writer) error {
		_, _ = w.Write(big[:1<<20])
		<-ctx.Done()
		told <- time.Now()
		<-time.After(shutdownGrace + 200*time.Millisecond) // more than an HTTP server waits for
		ended = true
		return ctx.Err()
	}
	cfg := config.Admin{Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile, ClientKeyPins: []string{pin}}
	go func() { done <- Serve(ctx, cfg, d) }()
	resp, err := operator.Get("https://" + <-served + "/v1/backup")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // a test's
	cancelled := time.Now()
	cancel()
	if err := <-done; err != nil || !ended {
		t.Errorf("Serve() = %v, ended the backup: %v", err, ended)
	}
	if waited := (<-told).Sub(cancelled); waited >= shutdownGrace {
		t.Errorf("the backup was told after %s, by its connection's end", waited)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the backup looks whole")
	}
}

// TestTransferOverTLS: as it is used, with the metrics and a state that says why the broker is not ready.
func TestTransferOverTLS(t *testing.T) {
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "broker")
	operator, pin := client(t, certFile, 0)
	d := deps()
	d.Ready = func() error { return errors.New("the store is full") }
	d.Metrics = metrics
	d.Backup = func(_ context.Context, w io.Writer) error {
		_, err := w.Write(big)
		return err
	}
	d.Restore = func(_ context.Context, r io.Reader) error { // says no long before the end
		_, err := io.CopyN(io.Discard, r, 1<<20)
		return errors.Join(err, errors.New("bad magic"))
	}
	health, api := startWith(t, config.Admin{
		HealthAddress: "127.0.0.1:0", Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile, ClientKeyPins: []string{pin},
	}, d)
	for _, test := range []struct{ path, want string }{
		{"/metrics", "dunlin_store_up 1\n"}, {"/v1/status", `"notReady":"the store is full"`}, {"/v1/backup", string(big)},
	} {
		resp, err := operator.Get("https://" + api + test.path)
		if status, body := answer(t, resp, err); status != http.StatusOK || !strings.Contains(body, test.want) {
			t.Errorf("GET %s: %d, %d bytes", test.path, status, len(body))
		}
	}
	for range 10 {
		resp, err := operator.Post("https://"+api+"/v1/restore", "", bytes.NewReader(big))
		if status, body := answer(t, resp, err); status != http.StatusUnprocessableEntity || body != "bad magic; nothing was changed\n" {
			t.Fatalf("POST /v1/restore: %d %q", status, body)
		}
	}
	for _, path := range []string{"/v1/backup", "/v1/restore"} {
		resp, err := http.Post("http://"+health+path, "", nil)
		if status, _ := answer(t, resp, err); status != http.StatusNotFound {
			t.Errorf("%s on the health port: %d", path, status)
		}
	}
}
