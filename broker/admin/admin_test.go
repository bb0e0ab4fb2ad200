package admin

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

func deps() Deps {
	return Deps{
		Ready:        func() error { return nil },
		AuthRevision: func() string { return "r1" },
		Version:      "v1.2.3",
		Log:          slog.New(slog.DiscardHandler),
	}
}

var metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "dunlin_store_up 1\n")
})

func TestHealth(t *testing.T) {
	ready, waiting, counting := deps(), deps(), deps()
	counting.Metrics = metrics
	waiting.Ready = func() error { return errors.New("rules have not been loaded") }
	tests := []struct {
		d            Deps
		method, path string
		status       int
		body         string
	}{
		{ready, "GET", "/healthz", 200, "ok\n"},
		{ready, "GET", "/readyz", 200, "ok\n"},
		{ready, "HEAD", "/readyz", 200, ""},
		{waiting, "GET", "/healthz", 200, "ok\n"},
		{waiting, "GET", "/readyz", 503, "rules have not been loaded\n"},
		{ready, "POST", "/healthz", 405, "Method Not Allowed\n"},
		{ready, "GET", "/v1/status", 404, "404 page not found\n"},
		{ready, "GET", "/v1/backup", 404, "404 page not found\n"},
		{ready, "GET", "/metrics", 404, "404 page not found\n"},
		{counting, "GET", "/metrics", 200, "dunlin_store_up 1\n"},
		{counting, "POST", "/metrics", 405, "Method Not Allowed\n"},
	}
	for _, test := range tests {
		w := httptest.NewServer(health(test.d))
		req, err := http.NewRequest(test.method, w.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		w.Close()
		if resp.StatusCode != test.status || string(body) != test.body || err != nil {
			t.Errorf("%s %s: %d %q, %v; want %d %q", test.method, test.path, resp.StatusCode, body, err, test.status, test.body)
		}
	}
}

// addresses is a logger that tells of the addresses that are served.
type addresses chan string

func (a addresses) Write(line []byte) (int, error) {
	if _, address, ok := strings.Cut(string(line), " address="); ok {
		a <- strings.TrimSpace(address)
	}
	return len(line), nil
}

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// start runs Serve and returns the addresses of health and admin API.
func start(t *testing.T, cfg config.Admin) (health, api string) {
	t.Helper()
	return startWith(t, cfg, deps())
}

func startWith(t *testing.T, cfg config.Admin, d Deps) (health, api string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	served, done := make(addresses, 2), make(chan error, 1)
	d.Log = logger(served)
	go func() { done <- Serve(ctx, cfg, d) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve() = %v", err)
		}
	})
	next := func() string {
		select {
		case address := <-served:
			return address
		case err := <-done:
			t.Fatalf("Serve() = %v", err)
		case <-time.After(10 * time.Second):
			t.Fatal("Serve() serves nothing")
		}
		return ""
	}
	return next(), next()
}

// client calls with a new key, and says what its pin is. The server is trusted by its certificate in roots.
func client(t *testing.T, serverCert string, max uint16) (c *http.Client, pin string) {
	t.Helper()
	roots := x509.NewCertPool()
	server, err := os.ReadFile(serverCert)
	if err != nil || !roots.AppendCertsFromPEM(server) {
		t.Fatalf("read certificate: %v", err)
	}
	cert, key := keypairtest.New(t, "operator")
	pair := keypairtest.Pair(t, cert, key)
	sum := sha256.Sum256(pair.Leaf.RawSubjectPublicKeyInfo)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: max, Certificates: []tls.Certificate{pair}}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}, hex.EncodeToString(sum[:])
}

// writePair writes a server's certificate and key.
func writePair(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	return keypairtest.Write(t, t.TempDir(), "broker")
}

func TestAPI(t *testing.T) {
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "broker")
	operator, pin := client(t, certFile, 0)
	stranger, _ := client(t, certFile, 0)
	ancient, ancientPin := client(t, certFile, tls.VersionTLS12)
	nobody, _ := client(t, certFile, 0)
	nobody.Transport.(*http.Transport).TLSClientConfig.Certificates = nil
	health, api := start(t, config.Admin{
		HealthAddress: "127.0.0.1:0", Address: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile,
		ClientKeyPins: []string{strings.Repeat("00", 32), pin, strings.ToUpper(ancientPin)},
	})

	resp, err := http.Get("http://" + health + "/readyz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("GET /readyz: %v, %v", resp, err)
	}
	_ = resp.Body.Close()

	if resp, err = operator.Get("https://" + api + "/v1/status"); err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if diff := cmp.Diff(`{"authRevision":"r1","version":"v1.2.3","instance":"x"}`+"\n",
		regexp.MustCompile(`"instance":"[A-Z2-7]{26}"`).ReplaceAllString(string(body), `"instance":"x"`)); diff != "" || err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("GET /v1/status: %v, %v (-want +got):\n%s", resp.Status, err, diff)
	}
	if resp.TLS.Version != tls.VersionTLS13 {
		t.Errorf("spoken: %s", tls.VersionName(resp.TLS.Version))
	}
	for name, c := range map[string]*http.Client{"a key that is not pinned": stranger, "no certificate": nobody} {
		resp, err := c.Get("https://" + api + "/v1/status")
		if status, body := answer(t, resp, err); status != http.StatusUnauthorized || !strings.Contains(body, "say who you are") {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if resp, err := ancient.Get("https://" + api + "/v1/status"); err == nil {
		_ = resp.Body.Close()
		t.Errorf("TLS 1.2: %s", resp.Status)
	} else if !strings.Contains(err.Error(), "protocol version not supported") {
		t.Errorf("TLS 1.2: %v", err)
	}
}

func TestServeRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // a test's
	address := taken.Addr().String()
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "broker")
	tests := []struct {
		name string
		cfg  config.Admin
		want []string
	}{
		{"health address in use", config.Admin{HealthAddress: address}, []string{"serve health", address, "address already in use"}},
		{"API address in use", config.Admin{HealthAddress: "127.0.0.1:0", Address: address, CertFile: certFile, KeyFile: keyFile},
			[]string{"admin API on " + address, "address already in use"}},
		{"no certificate", config.Admin{Address: "127.0.0.1:0", CertFile: "/none/tls.crt", KeyFile: keyFile}, []string{"admin API", "/none/tls.crt"}},
	}
	for _, test := range tests {
		err := Serve(t.Context(), test.cfg, deps())
		if err == nil {
			t.Errorf("%s: Serve() = nil", test.name)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: Serve() = %v, want %s", test.name, err, want)
			}
		}
	}
}

func TestServeNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Serve(ctx, config.Admin{}, deps()); err != nil {
		t.Errorf("Serve() = %v", err)
	}
}

func TestIsPinned(t *testing.T) {
	sum := sha256.Sum256([]byte("key"))
	pin := hex.EncodeToString(sum[:])
	for _, test := range []struct {
		pins []string
		want bool
	}{
		{nil, false},
		{[]string{""}, false},
		{[]string{"zz", pin[:62]}, false},
		{[]string{pin[:62] + "00"}, false},
		{[]string{pin}, true},
		{[]string{pin, pin}, true},
		{[]string{"", strings.ToUpper(pin), "00"}, true},
	} {
		if got := isPinned([]byte("key"), test.pins); got != test.want {
			t.Errorf("isPinned(%q) = %v", test.pins, got)
		}
	}
}
