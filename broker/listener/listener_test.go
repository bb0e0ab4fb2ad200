package listener

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// record is a log that may be read while it is written.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func listen(t *testing.T, l config.Listener, to io.Writer) *Listener {
	t.Helper()
	l.Name, l.Host = "test", "127.0.0.1"
	ln, err := Listen(t.Context(), l, slog.New(slog.NewTextHandler(to, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ln.Close(); err != nil {
			t.Error(err)
		}
	})
	return ln
}

func dial(t *testing.T, ln *Listener) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil { // a test that fails does not hang
		t.Fatal(err)
	}
	return c
}

func accept(t *testing.T, ln *Listener) net.Conn {
	t.Helper()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func option(t *testing.T, c net.Conn, level, name int) int {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var value int
	if err := errors.Join(raw.Control(func(fd uintptr) { value, err = syscall.GetsockoptInt(int(fd), level, name) }), err); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestTCPOptions(t *testing.T) {
	ln := listen(t, config.Listener{}, io.Discard)
	dial(t, ln)
	c := accept(t, ln)
	if _, layered := c.(Polled); layered {
		t.Errorf("Accept() = %T", c)
	}
	if option(t, c, syscall.IPPROTO_TCP, syscall.TCP_NODELAY) == 0 {
		t.Error("TCP_NODELAY is off")
	}
	if option(t, c, syscall.SOL_SOCKET, syscall.SO_KEEPALIVE) == 0 {
		t.Error("TCP keep alive is off")
	}
	if got := option(t, c, syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE); got != 60 {
		t.Errorf("TCP keep alive after %d s, want 60", got)
	}
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, "one")
	var log record
	ln := listen(t, config.Listener{TLS: &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile, MinVersion: config.TLS12}}, &log)
	go echo(ln)

	sessions := tls.NewLRUClientSessionCache(10)
	one := connect(t, ln, &tls.Config{InsecureSkipVerify: true, ClientSessionCache: sessions})
	if name := subject(one); name != "one" {
		t.Errorf("certificate of %s, want one", name)
	}
	if two := connect(t, ln, &tls.Config{InsecureSkipVerify: true, ClientSessionCache: sessions}); !two.ConnectionState().DidResume {
		t.Error("a second connection did not resume the session of the first")
	}
	if c := connect(t, ln, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); c.ConnectionState().Version != tls.VersionTLS12 {
		t.Error("TLS 1.2 is not spoken")
	}

	keypairtest.Write(t, dir, "two")
	deadline := time.Now().Add(10 * time.Second)
	for subject(connect(t, ln, &tls.Config{InsecureSkipVerify: true})) != "two" {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not served")
		}
	}
	ping(t, one) // the connection of before the change goes on

	if err := os.WriteFile(certFile, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(log.String(), "new certificate cannot be used") {
		if time.Now().After(deadline) {
			t.Fatal("the broken certificate is not logged")
		}
		if name := subject(connect(t, ln, &tls.Config{InsecureSkipVerify: true})); name != "two" {
			t.Fatalf("certificate of %s, want that of two to stay", name)
		}
	}
	if !strings.Contains(log.String(), certFile) || !strings.Contains(log.String(), "listener=test") {
		t.Errorf("the log names neither file nor listener:\n%s", log.String())
	}
}

func TestTLSMinVersion(t *testing.T) {
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "localhost")
	for min, refused := range map[config.TLSVersion]uint16{config.TLS12: tls.VersionTLS11, config.TLS13: tls.VersionTLS12} {
		ln := listen(t, config.Listener{TLS: &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile, MinVersion: min}}, io.Discard)
		go echo(ln)
		c := tls.Client(dial(t, ln), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: refused})
		if err := c.Handshake(); err == nil {
			t.Errorf("minVersion %s: %s was accepted", min, tls.VersionName(refused))
		}
		connect(t, ln, &tls.Config{InsecureSkipVerify: true, MaxVersion: refused + 1})
	}
}

// echo answers every connection with what it sends.
func echo(ln *Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}()
	}
}

func connect(t *testing.T, ln *Listener, cfg *tls.Config) *tls.Conn {
	t.Helper()
	cfg.ServerName = "localhost"
	c := tls.Client(dial(t, ln), cfg)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	ping(t, c) // so that session tickets have come, too
	return c
}

func ping(t *testing.T, c net.Conn) {
	t.Helper()
	b := []byte("hello")
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Fatalf("echo: %q, %v", b, err)
	}
}

func subject(c *tls.Conn) string {
	return c.ConnectionState().PeerCertificates[0].Subject.CommonName
}

func TestListenRefuses(t *testing.T) {
	taken := listen(t, config.Listener{}, io.Discard)
	port := int32(taken.Addr().(*net.TCPAddr).Port)
	tests := []struct {
		name string
		l    config.Listener
		want []string
	}{
		{"port in use", config.Listener{ListenerSettings: config.ListenerSettings{Name: "plain", Port: port}, Host: "127.0.0.1"},
			[]string{"listener plain on " + taken.Addr().String(), "another process listens there"}},
		{"not our address", config.Listener{ListenerSettings: config.ListenerSettings{Name: "plain"}, Host: "192.0.2.1"},
			[]string{"listener plain on 192.0.2.1:0", "does not have that address"}},
		{"no certificate", config.Listener{ListenerSettings: config.ListenerSettings{Name: "secure"}, Host: "127.0.0.1",
			TLS: &config.ListenerTLS{CertFile: "/none/tls.crt", KeyFile: "/none/tls.key"}},
			[]string{"listener secure on 127.0.0.1:0", "/none/tls.crt"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Listen(t.Context(), test.l, slog.New(slog.DiscardHandler))
			if err == nil {
				t.Fatal("Listen() = nil")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Listen() = %v, want %s", err, want)
				}
			}
		})
	}
}

func TestCloseEndsAccept(t *testing.T) {
	ln := listen(t, config.Listener{}, io.Discard)
	done := make(chan error)
	go func() {
		_, err := ln.Accept()
		done <- err
	}()
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept() = %v, want net.ErrClosed", err)
	}
}

// exhausted is a listener whose accept fails so many times.
type exhausted struct {
	net.Listener
	failures, calls int
	err             error
}

func (e *exhausted) Accept() (net.Conn, error) {
	if e.calls++; e.calls <= e.failures {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", e.err)}
	}
	c, _ := net.Pipe()
	return pipeEnd{c}, nil
}

func TestAcceptBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log record
		inner := &exhausted{failures: 12, err: syscall.EMFILE}
		ln := &Listener{sockets: inner, log: slog.New(slog.NewTextHandler(&log, nil)), closed: make(chan struct{})}
		start := time.Now()
		if _, err := ln.Accept(); err != nil {
			t.Fatal(err)
		}
		// 5 ms doubled 8 times is 1.275 s, and then one second each.
		if took := time.Since(start); took != 1275*time.Millisecond+4*time.Second {
			t.Errorf("12 failures took %v", took)
		}
		if n := strings.Count(log.String(), "cannot be accepted"); n != 1 || !strings.Contains(log.String(), "too many open files") {
			t.Errorf("logged %d times:\n%s", n, log.String())
		}

		other := &exhausted{failures: 1, err: syscall.EBADF}
		ln.sockets = other
		if _, err := ln.Accept(); !errors.Is(err, syscall.EBADF) {
			t.Errorf("Accept() = %v, want what cannot get better to be an error", err)
		}
	})
}

func TestCloseEndsBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := &Listener{
			sockets: &exhausted{failures: 20, err: syscall.ENFILE},
			log:     slog.New(slog.DiscardHandler),
			closed:  make(chan struct{}),
		}
		time.AfterFunc(time.Second, func() { close(ln.closed) })
		start := time.Now()
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept() = %v, want net.ErrClosed", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("a listener closed after 1s waited %v", took)
		}
	})
}
