package listener

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// guarded is a listener that asks for certificates of ca, with a list of the revoked, and the folder of its files.
func guarded(t *testing.T, auth config.ClientAuth, ca *keypairtest.CA, log io.Writer) (*Listener, string) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := keypairtest.Write(t, dir, "localhost")
	ln := listen(t, config.Listener{TLS: &config.ListenerTLS{
		CertFile: certFile, KeyFile: keyFile, ClientAuth: auth,
		ClientCAFile: put(t, dir, "ca.crt", ca.PEM), CRLFiles: []string{put(t, dir, "ca.crl", ca.CRL(t, time.Hour, nil))},
	}}, log)
	return ln, dir
}

// reaches says whether a client gets an answer.
func reaches(t *testing.T, ln *Listener, cfg *tls.Config) (resumed bool, err error) {
	t.Helper()
	cfg.ServerName, cfg.InsecureSkipVerify = "localhost", true
	c := tls.Client(dial(t, ln), cfg)
	b := []byte("hello")
	if _, err := c.Write(b); err != nil {
		return false, err
	}
	_, err = io.ReadFull(c, b) // in TLS 1.3 a client learns only here that it is refused
	return c.ConnectionState().DidResume, err
}

func TestClientAuth(t *testing.T) {
	ca, other := keypairtest.NewCA(t, "devices"), keypairtest.NewCA(t, "other")
	mine, theirs := ca.Client(t, "d1", nil), other.Client(t, "d1", nil)
	for auth, without := range map[config.ClientAuth]bool{config.ClientAuthRequest: true, config.ClientAuthRequire: false} {
		var log record
		ln, _ := guarded(t, auth, ca, &log)
		go echo(ln)
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			for name, r := range map[string]struct {
				certs []tls.Certificate
				want  bool
			}{"none": {nil, without}, "good": {[]tls.Certificate{mine}, true}, "other": {[]tls.Certificate{theirs}, false}} {
				cfg := &tls.Config{MaxVersion: version}
				if r.certs != nil { // even where its CA is not asked for
					cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &r.certs[0], nil }
				}
				if _, err := reaches(t, ln, cfg); (err == nil) != r.want {
					t.Errorf("%s, %s, %s: %v", auth, tls.VersionName(version), name, err)
				}
			}
		}
		if !strings.Contains(log.String(), "client certificate refused") {
			t.Errorf("not logged:\n%s", log.String())
		}
	}
}

// TestResumptionIsNotAWayAround: a session ticket of before the revocation, or of a CA that is no longer trusted, opens
// nothing; one of a client that is still let in does.
func TestResumptionIsNotAWayAround(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, withdraw := range map[string]func(t *testing.T, ca *keypairtest.CA, dir string, c tls.Certificate){
			"revoked": func(t *testing.T, ca *keypairtest.CA, dir string, c tls.Certificate) {
				put(t, dir, "ca.crl", ca.CRL(t, time.Hour, nil, c.Leaf))
			},
			"another CA": func(t *testing.T, _ *keypairtest.CA, dir string, _ tls.Certificate) {
				other := keypairtest.NewCA(t, "other")
				put(t, dir, "ca.crl", other.CRL(t, time.Hour, nil))
				put(t, dir, "ca.crt", other.PEM)
			},
		} {
			t.Run(tls.VersionName(version)+" "+name, func(t *testing.T) {
				ca := keypairtest.NewCA(t, "devices")
				ln, dir := guarded(t, config.ClientAuthRequire, ca, io.Discard)
				changed := make(chan struct{}, 10)
				ln.TrustChanged(func() { changed <- struct{}{} })
				go echo(ln)
				device := ca.Client(t, "d1", nil)
				cfg := &tls.Config{MaxVersion: version, Certificates: []tls.Certificate{device}, ClientSessionCache: tls.NewLRUClientSessionCache(10)}
				for i, wantResumed := range []bool{false, true} {
					if resumed, err := reaches(t, ln, cfg); err != nil || resumed != wantResumed {
						t.Fatalf("connection %d: resumed %v, %v", i, resumed, err)
					}
				}
				withdraw(t, ca, dir, device)
				select {
				case <-changed:
				case <-time.After(10 * time.Second):
					t.Fatal("not told of the change")
				}
				if resumed, err := reaches(t, ln, cfg); err == nil {
					t.Errorf("let in, resumed: %v", resumed)
				}
			})
		}
	}
}

func TestClientChain(t *testing.T) {
	ca := keypairtest.NewCA(t, "devices")
	device := ca.Client(t, "d1", nil)
	for _, protocol := range []config.Protocol{config.ProtocolMQTTS, config.ProtocolWSS} {
		ln, _ := guarded(t, config.ClientAuthRequest, ca, io.Discard)
		if protocol.WebSocket() {
			ln.web = newEndpoint("", nil)
		}
		client := tls.Client(dial(t, ln), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{device}})
		said := make(chan error, 1)
		go func() {
			_, err := client.Write([]byte("GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
				"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n\x82\x81\x00\x00\x00\x00x"))
			said <- err
			_, _ = io.Copy(io.Discard, client)
		}()
		c := accept(t, ln)
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if got := ClientChain(c); len(got) != 1 || !got[0].Equal(device.Leaf) {
			t.Errorf("%s: %d certificates", protocol, len(got))
		}
		if err := ln.Check(ClientChain(c)); err != nil {
			t.Error(err)
		}
		if err := <-said; err != nil {
			t.Error(err)
		}
	}
	plain, _ := net.Pipe()
	if ClientChain(plain) != nil || (&Listener{}).Check(nil) != nil {
		t.Error("a chain without TLS")
	}
}

// TestSNI: a host name chooses the certificate, which is reloaded by itself; any other name, and none, get the first.
func TestSNI(t *testing.T) {
	dirs := []string{t.TempDir(), t.TempDir(), t.TempDir()}
	var files []config.CertificateFiles
	for i, name := range []string{"default.example", "eu.example", "*.us.example"} {
		certFile, keyFile := keypairtest.Write(t, dirs[i], name)
		files = append(files, config.CertificateFiles{CertFile: certFile, KeyFile: keyFile})
	}
	ln := listen(t, config.Listener{TLS: &config.ListenerTLS{CertFile: files[0].CertFile, KeyFile: files[0].KeyFile, Certificates: files[1:]}}, io.Discard)
	go echo(ln)
	serial := func(name string) (string, string, *tls.Conn) {
		c := tls.Client(dial(t, ln), &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		return subject(c), c.ConnectionState().PeerCertificates[0].SerialNumber.String(), c
	}
	for name, want := range map[string]string{
		"eu.example": "eu.example", "EU.example": "eu.example", "a.us.example": "*.us.example",
		"default.example": "default.example", "a.b.us.example": "default.example", "elsewhere": "default.example", "": "default.example",
	} {
		if got, _, _ := serial(name); got != want {
			t.Errorf("%q gets the certificate of %s", name, got)
		}
	}
	_, before, live := serial("eu.example")
	keypairtest.Write(t, dirs[1], "eu.example")
	deadline := time.Now().Add(10 * time.Second)
	for after := before; after == before; _, after, _ = serial("eu.example") {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not served")
		}
	}
	ping(t, live) // the connection of before the change goes on
}
