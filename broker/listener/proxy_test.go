package listener

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// behindProxy trusts the loopback network.
func behindProxy(protocol config.Protocol) config.ListenerSettings {
	return config.ListenerSettings{Protocol: protocol, ProxyProtocol: &config.ProxyProtocol{Trusted: []string{"192.0.2.1", "127.0.0.0/8"}}}
}

// v2 is a header of version 2, with extra bytes of type-length-values.
func v2(t *testing.T, extra int) string {
	t.Helper()
	h := proxyproto.HeaderProxyFromAddrs(2, &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1234}, &net.TCPAddr{IP: net.ParseIP("2001:db8::2"), Port: 1883})
	if extra > 0 {
		if err := h.SetTLVs([]proxyproto.TLV{{Type: proxyproto.PP2_TYPE_NOOP, Value: make([]byte, extra-3)}}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := h.Format()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const v1 = "PROXY TCP4 203.0.113.9 192.0.2.1 40000 1883\r\n"

// readRaw reads as package server does: by the file descriptor.
func readRaw(t *testing.T, c net.Conn, most int) (string, error) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, most)
	n := 0
	var failure error
	err = raw.Read(func(fd uintptr) bool {
		n, failure = syscall.Read(int(fd), b)
		return failure != syscall.EAGAIN
	})
	if err == nil {
		err = failure
	}
	return string(b[:max(n, 0)]), err
}

func TestProxyHeader(t *testing.T) {
	var log record
	ln := listen(t, config.Listener{ListenerSettings: behindProxy(config.ProtocolMQTT)}, &log)
	long := "PROXY TCP6 " + strings.Repeat("f", 120) + "\r\n"
	tests := []struct{ name, header, from, fault string }{
		{"version 1", v1, "203.0.113.9:40000", ""},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", "127.0.0.1:", ""},
		{"version 1, the longest", "PROXY UNKNOWN " + strings.Repeat("x", 107-16) + "\r\n", "127.0.0.1:", ""},
		{"version 2", v2(t, 0), "[2001:db8::1]:1234", ""},
		{"version 2, more in it", v2(t, 4096-36), "[2001:db8::1]:1234", ""},
		{"version 2, the proxy's own", string(proxyproto.SIGV2) + "\x20\x00\x00\x00", "127.0.0.1:", ""},

		{"none", "\x10\x0c\x00\x04MQTT", "127.0.0.1:", "does not begin with one"},
		{"junk after the signature", "PROXYJUNK\r\n", "127.0.0.1:", "can't read"},
		{"junk address", "PROXY TCP4 203.0.113 192.0.2.1 40000 1883\r\n", "127.0.0.1:", "invalid address"},
		{"junk port", "PROXY TCP4 203.0.113.9 192.0.2.1 70000 1883\r\n", "127.0.0.1:", "invalid port"},
		{"no carriage return", "PROXY UNKNOWN\n", "127.0.0.1:", "must end with"},
		{"version 1, too long", long, "127.0.0.1:", "longer than 107 bytes"},
		{"10 kB", "PROXY " + strings.Repeat("x", 10_000), "127.0.0.1:", "longer than 107 bytes"},
		{"version 2, 10 kB", v2(t, 10_000), "127.0.0.1:", "longer than 4112 bytes"},
		{"version 2, another command", string(proxyproto.SIGV2) + "\x22\x11\x00\x0c123456789012", "127.0.0.1:", "unsupported"},
		{"version 2, too short for its addresses", string(proxyproto.SIGV2) + "\x21\x11\x00\x00", "127.0.0.1:", "invalid length"},
	}
	for _, test := range tests {
		for how, read := range map[string]func(net.Conn) (string, error){
			"raw":    func(c net.Conn) (string, error) { return readRaw(t, c, 4) },
			"stream": func(c net.Conn) (string, error) { b := make([]byte, 4); n, err := c.Read(b); return string(b[:n]), err },
		} {
			t.Run(test.name+"/"+how, func(t *testing.T) {
				c := dial(t, ln)
				if _, err := io.WriteString(c, test.header+"mqtt and more"); err != nil {
					t.Fatal(err)
				}
				server := accept(t, ln)
				got, err := read(server)
				if from := server.RemoteAddr().String(); !strings.HasPrefix(from, test.from) {
					t.Errorf("RemoteAddr() = %s, want %s", from, test.from)
				}
				if test.fault == "" {
					if got != "mqtt" || err != nil {
						t.Errorf("read %q, %v, want what follows the header", got, err)
					}
					if got, err := read(server); got != " and" || err != nil {
						t.Errorf("then %q, %v", got, err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), test.fault) || !strings.Contains(err.Error(), "from 127.0.0.1:") {
					t.Errorf("read %q, %v, want %q", got, err, test.fault)
				}
				if _, again := read(server); again == nil {
					t.Error("a second read succeeds")
				}
			})
		}
	}
	if !strings.Contains(log.String(), "PROXY header refused") {
		t.Errorf("nothing was logged: %s", log.String())
	}
}

// TestProxyHeaderByTheByte: a header may come as it likes, within the deadline.
func TestProxyHeaderByTheByte(t *testing.T) {
	ln := listen(t, config.Listener{ListenerSettings: behindProxy(config.ProtocolMQTT)}, io.Discard)
	for _, header := range []string{v1, v2(t, 0), v2(t, 300)} {
		c := dial(t, ln)
		go func() {
			for i := range header {
				if _, err := io.WriteString(c, header[i:i+1]); err != nil {
					t.Error(err)
				}
			}
			_, _ = io.WriteString(c, "x")
		}()
		if got, err := readRaw(t, accept(t, ln), 10); got != "x" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	}
}

func TestProxyHeaderThatEnds(t *testing.T) {
	var log record
	ln := listen(t, config.Listener{ListenerSettings: behindProxy(config.ProtocolMQTT)}, &log)
	_ = dial(t, ln).Close()
	if _, err := accept(t, ln).Read(make([]byte, 10)); !errors.Is(err, io.EOF) {
		t.Errorf("nothing at all: Read() = %v, want io.EOF", err)
	}
	if log.String() != "" {
		t.Errorf("a look at the port was logged: %s", log.String())
	}
	c := dial(t, ln)
	_, _ = io.WriteString(c, v2(t, 0)[:20])
	_ = c.Close()
	if _, err := accept(t, ln).Read(make([]byte, 10)); !errors.Is(err, errProxyHeaderHalf) {
		t.Errorf("half a header: Read() = %v", err)
	}
	for _, half := range []string{"", v1[:10], v2(t, 0)[:14]} {
		c := dial(t, ln)
		_, _ = io.WriteString(c, half)
		server := accept(t, ln)
		_ = server.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if _, err := server.Read(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("half a header that stays so: Read() = %v, want the deadline's error", err)
		}
	}
}

// TestUntrusted: a header from one who is no proxy is not looked for.
func TestUntrusted(t *testing.T) {
	settings := behindProxy(config.ProtocolMQTT)
	settings.ProxyProtocol.Trusted = []string{"10.0.0.0/8", "::1", "127.0.0.2"}
	ln := listen(t, config.Listener{ListenerSettings: settings}, io.Discard)
	c := dial(t, ln)
	if _, err := io.WriteString(c, v1); err != nil {
		t.Fatal(err)
	}
	server := accept(t, ln)
	if _, layered := server.(Polled); layered {
		t.Errorf("Accept() = %T", server)
	}
	b := make([]byte, 100)
	if n, err := server.Read(b); err != nil || string(b[:n]) != v1 {
		t.Errorf("Read() = %q, %v", b[:n], err)
	}
	if server.RemoteAddr().String() != c.LocalAddr().String() {
		t.Errorf("RemoteAddr() = %s", server.RemoteAddr())
	}
}

// TestProxyBelowAll: the header comes before TLS and WebSocket, and the address goes through.
func TestProxyBelowAll(t *testing.T) {
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), "localhost")
	pair := &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile}
	for protocol, pair := range map[config.Protocol]*config.ListenerTLS{
		config.ProtocolMQTTS: pair, config.ProtocolWSS: pair, config.ProtocolWS: nil, config.ProtocolMQTT: nil,
	} {
		t.Run(string(protocol), func(t *testing.T) {
			settings := behindProxy(protocol)
			ln := listen(t, config.Listener{ListenerSettings: settings, TLS: pair}, io.Discard)
			for range 2 {
				c := dial(t, ln)
				if _, err := io.WriteString(c, v1); err != nil {
					t.Fatal(err)
				}
				go func() {
					if pair != nil {
						c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
					}
					text := "x"
					if protocol.WebSocket() {
						text = upgrade() + binaryFrame("x")
					}
					_, _ = io.WriteString(c, text)
				}()
				server := accept(t, ln)
				b := make([]byte, 10)
				if n, err := server.Read(b); err != nil || string(b[:n]) != "x" {
					t.Errorf("Read() = %q, %v", b[:n], err)
				}
				if from := server.RemoteAddr().String(); from != "203.0.113.9:40000" {
					t.Errorf("RemoteAddr() = %s", from)
				}
				_ = server.Close()
			}
		})
	}
}

func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte(v1))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte(string(proxyproto.SIGV2) + "\x21\x11\x00\x0c123456789012"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for n := range len(b) + 1 {
			size, err := headerSize(b[:n])
			if err != nil {
				return
			}
			if size == n && n > 0 {
				return // whole
			}
			if size < n || size > proxyV2Fixed+proxyV2Most {
				t.Fatalf("headerSize() of %d bytes = %d", n, size)
			}
		}
	})
}
