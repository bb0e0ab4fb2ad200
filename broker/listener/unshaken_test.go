package listener

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// TestUnshaken: what comes of real handshakes that fail, most of them by the client's fault.
func TestUnshaken(t *testing.T) {
	ca, other := keypairtest.NewCA(t, "devices"), keypairtest.NewCA(t, "other")
	good, gone := ca.Client(t, "press", nil), ca.Client(t, "gone", nil)
	dir := t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, "localhost")
	ln := listen(t, config.Listener{
		ListenerSettings: config.ListenerSettings{Protocol: config.ProtocolMQTTS},
		TLS: &config.ListenerTLS{CertFile: certFile, KeyFile: keyFile, MinVersion: config.TLS13, ClientAuth: config.ClientAuthRequire,
			ClientCAFile: put(t, dir, "ca.crt", ca.PEM), CRLFiles: []string{put(t, dir, "ca.crl", ca.CRL(t, time.Hour, nil, gone.Leaf))}},
	}, io.Discard)
	// shakes is a client with a certificate that takes any of the server.
	shakes := func(cert tls.Certificate, change func(*tls.Config)) func(net.Conn) {
		return func(c net.Conn) {
			cfg := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil }}
			if change != nil {
				change(cfg)
			}
			_, _ = tls.Client(c, cfg).Read(make([]byte, 1)) // what comes of it, the server is asked
		}
	}
	for name, r := range map[string]struct {
		client func(net.Conn)
		want   string
	}{
		"no TLS": {func(c net.Conn) { _, _ = c.Write([]byte("\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03abc")) }, "the client does not speak TLS, which this listener does"},
		"does not trust": {shakes(good, func(c *tls.Config) {
			c.InsecureSkipVerify, c.RootCAs, c.ServerName = false, x509.NewCertPool(), "localhost"
		}),
			"the client does not take this listener's certificate (bad certificate): it is to trust the CA, and to connect by a name that is in the certificate"},
		"an old version": {shakes(good, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }), "the client speaks only versions of TLS below this listener's least"},
		"no certificate": {shakes(tls.Certificate{}, nil), "the client has sent no certificate, which this listener requires"},
		"another CA":     {shakes(other.Client(t, "press", nil), nil), "the client's certificate is not of a CA that this listener trusts"},
		"revoked":        {shakes(gone, nil), "client certificate: it has been revoked"},
		"expired": {shakes(ca.Client(t, "old", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), nil),
			"the client's certificate has expired, or is not valid yet"},
		"a server's": {shakes(ca.Client(t, "srv", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), nil),
			"the client's certificate is not for client authentication"},
		"torn": {func(c net.Conn) {
			_, _ = c.Write([]byte{0x16, 3, 1, 0, 200, 1})
		}, "the client has gone in the midst of the TLS handshake, as some do that do not take the listener's certificate"},
		"no hello": {func(c net.Conn) { _, _ = c.Write([]byte{0x16, 3, 1, 0, 4, 9, 0, 0, 0}) }, "the TLS handshake failed"},
		"an alert in plain": {func(c net.Conn) { _, _ = c.Write([]byte{0x16, 3, 1, 0, 4, 9, 0, 0, 0, 21, 3, 3, 0, 2, 2, 48}) },
			"the client does not take this listener's certificate (unknown certificate authority): it is to trust the CA, and to connect by a name that is in the certificate"},
		"a look": {func(net.Conn) {}, ""},
		"good": {func(c net.Conn) {
			_ = tls.Client(c, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{good}}).Handshake()
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, ln)
			go func() {
				r.client(c)
				_ = c.Close()
			}()
			server := accept(t, ln)
			_, err := server.Read(make([]byte, 1))
			if got := Unshaken(server, err); got != r.want {
				t.Errorf("of %q: %q, want %q", err, got, r.want)
			}
		})
	}
	t.Run("too late", func(t *testing.T) {
		dial(t, ln)
		server := accept(t, ln)
		if err := server.SetDeadline(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		_, err := server.Read(make([]byte, 1))
		if got := Unshaken(server, fmt.Errorf("read: %w", err)); got != "the TLS handshake was not over in time" {
			t.Errorf("of %v: %q", err, got)
		}
	})
}

// TestUnshakenIsBounded: no text of the client's own is in a sentence.
func TestUnshakenIsBounded(t *testing.T) {
	named := keypairtest.NewCA(t, "chosen-by-the-client").Client(t, "chosen-by-the-client", nil)
	err := trusting(t, keypairtest.NewCA(t, "ours").PEM).check(chain(named))
	if err == nil {
		t.Fatal("it was trusted")
	}
	for _, err := range []error{err, os.ErrClosed, fmt.Errorf("tls: chosen-by-the-client")} {
		if why := whyUnshaken(err); strings.Contains(why, "chosen") {
			t.Errorf("%q", why)
		}
	}
}

func TestIsClientHello(t *testing.T) {
	for data, want := range map[string]bool{"\x16\x03\x01\x02\x00\x01": true, "\x16\x03": true, "\x16": false, "": false, "\x10\x03": false, "\x16\x04MQTT": false} {
		if got := IsClientHello([]byte(data)); got != want {
			t.Errorf("%q: %t", data, got)
		}
	}
}
