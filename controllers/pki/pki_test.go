package pki_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func newCA(t *testing.T) pki.Pair {
	t.Helper()
	ca, err := pki.NewCA("edge.default", now)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func issueServer(t *testing.T, ca pki.Pair, names ...string) pki.Pair {
	t.Helper()
	p, err := pki.IssueServer(ca, names, nil, 90*day, now)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func parse(t *testing.T, certPEM []byte) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode(certPEM)
	if block == nil || len(rest) > 0 {
		t.Fatalf("not one PEM block: %q", certPEM)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestNewCA(t *testing.T) {
	cert := parse(t, newCA(t).CertPEM)
	if !cert.IsCA || !cert.MaxPathLenZero || cert.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("IsCA %v, MaxPathLenZero %v, KeyUsage %b", cert.IsCA, cert.MaxPathLenZero, cert.KeyUsage)
	}
	if want := now.Add(-5 * time.Minute); !cert.NotBefore.Equal(want) {
		t.Errorf("NotBefore %s, want %s", cert.NotBefore, want)
	}
	if want := now.Add(3650 * day); !cert.NotAfter.Equal(want) {
		t.Errorf("NotAfter %s, want %s", cert.NotAfter, want)
	}
	if cert.Subject.CommonName != "edge.default" || cert.SerialNumber.BitLen() < 64 {
		t.Errorf("common name %q, serial number %s", cert.Subject.CommonName, cert.SerialNumber)
	}
}

func TestNewCACutsCommonName(t *testing.T) {
	ca, err := pki.NewCA(strings.Repeat("é", 100), now)
	if err != nil {
		t.Fatal(err)
	}
	if got := parse(t, ca.CertPEM).Subject.CommonName; got != strings.Repeat("é", 64) {
		t.Errorf("common name %q has %d characters, want 64", got, len([]rune(got)))
	}
}

func TestIssueServer(t *testing.T) {
	ca := newCA(t)
	p, err := pki.IssueServer(ca, []string{"edge", "10.0.0.1", "*.edge-pods"}, []net.IP{net.IPv6loopback}, 90*day, now)
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, p.CertPEM)
	if diff := cmp.Diff([]string{"edge", "*.edge-pods"}, cert.DNSNames); diff != "" {
		t.Error(diff)
	}
	if len(cert.IPAddresses) != 2 || !cert.IPAddresses[0].Equal(net.IPv6loopback) || !cert.IPAddresses[1].Equal(net.IPv4(10, 0, 0, 1)) {
		t.Errorf("IP addresses %v", cert.IPAddresses)
	}
	if cert.IsCA || cert.KeyUsage != x509.KeyUsageDigitalSignature || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("IsCA %v, KeyUsage %b, ExtKeyUsage %v", cert.IsCA, cert.KeyUsage, cert.ExtKeyUsage)
	}
	for _, name := range []string{"edge", "edge-0.edge-pods", "10.0.0.1", "::1"} {
		if err := cert.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM); err != nil {
		t.Error(err)
	}
}

func TestLeafDoesNotOutliveCA(t *testing.T) {
	ca := newCA(t)
	late := now.Add(3640 * day)
	p, err := pki.IssueServer(ca, []string{"edge"}, nil, 90*day, late)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := parse(t, p.CertPEM).NotAfter, parse(t, ca.CertPEM).NotAfter; !got.Equal(want) {
		t.Errorf("NotAfter %s, want the CA's %s", got, want)
	}
	if why := pki.NeedsIssue(p, ca, []string{"edge"}, 90*day, late); why != "" {
		t.Errorf("a leaf that was cut short is issued again and again: %s", why)
	}
}

func TestIssueClient(t *testing.T) {
	ca := newCA(t)
	p, err := pki.IssueClient(ca, "dunlin-operator", 30*day, now)
	if err != nil {
		t.Fatal(err)
	}
	cert := parse(t, p.CertPEM)
	if cert.Subject.CommonName != "dunlin-operator" || len(cert.ExtKeyUsage) != 1 || cert.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
		t.Errorf("common name %q, ExtKeyUsage %v", cert.Subject.CommonName, cert.ExtKeyUsage)
	}
	if _, err := pki.CheckPair(p, ca.CertPEM, nil, now); err != nil {
		t.Error(err)
	}
}

func TestIssueRefuses(t *testing.T) {
	ca := newCA(t)
	other := newCA(t)
	issue := func(ca pki.Pair, names []string, d time.Duration, at time.Time) error {
		_, err := pki.IssueServer(ca, names, nil, d, at)
		return err
	}
	client := func(name string) error {
		_, err := pki.IssueClient(ca, name, day, now)
		return err
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"no names", issue(ca, nil, day, now), "issue server certificate: no names to issue it for"},
		{"no duration", issue(ca, []string{"a"}, 0, now), "duration 0s is not positive"},
		{"mixed CA", issue(pki.Pair{CertPEM: ca.CertPEM, KeyPEM: other.KeyPEM}, []string{"a"}, day, now), "read CA: "},
		{"expired CA", issue(ca, []string{"a"}, day, now.Add(3651*day)), "read CA: expired at 2036-02-27T12:00:00Z"},
		{"nameless client", client(""), `common name "" has 0 characters, not 1 to 64`},
		{"long client", client(strings.Repeat("x", 65)), "has 65 characters, not 1 to 64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", tt.err, tt.want)
			}
		})
	}
}

func TestCheckPair(t *testing.T) {
	ca := newCA(t)
	other := newCA(t)
	good := issueServer(t, ca, "edge", "127.0.0.1", "*.pods")
	foreign := issueServer(t, other, "edge")
	for _, tt := range []struct {
		name  string
		pair  pki.Pair
		caPEM []byte
		names []string
		at    time.Time
		want  string // "" = fine
	}{
		{name: "fine", pair: good, caPEM: ca.CertPEM, names: []string{"edge", "127.0.0.1", "*.pods"}},
		{name: "CA not asked", pair: foreign},
		{name: "no certificate", pair: pki.Pair{KeyPEM: good.KeyPEM}, want: "certificate is empty"},
		{name: "no PEM", pair: pki.Pair{CertPEM: []byte("hello"), KeyPEM: good.KeyPEM}, want: "certificate has no PEM block CERTIFICATE"},
		{name: "key in its place", pair: pki.Pair{CertPEM: good.KeyPEM, KeyPEM: good.KeyPEM}, want: "certificate has no PEM block CERTIFICATE"},
		{name: "torn certificate", want: "certificate: block 1: ",
			pair: pki.Pair{CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("torn")}), KeyPEM: good.KeyPEM}},
		{name: "no key", pair: pki.Pair{CertPEM: good.CertPEM, KeyPEM: []byte(" \n")}, want: "private key is empty"},
		{name: "bad key", pair: pki.Pair{CertPEM: good.CertPEM, KeyPEM: []byte("hello")}, want: "private key: failed to find any PEM data"},
		{name: "other key", pair: pki.Pair{CertPEM: good.CertPEM, KeyPEM: foreign.KeyPEM}, want: "private key does not belong to the certificate"},
		{name: "too early", pair: good, at: now.Add(-time.Hour), want: "certificate is not valid before 2026-03-01T11:55:00Z"},
		{name: "too late", pair: good, at: now.Add(90 * day), want: "certificate expired at 2026-05-30T12:00:00Z"},
		{name: "other name", pair: good, names: []string{"core"}, want: "certificate is not for core, only for edge, *.pods, 127.0.0.1"},
		{name: "other CA", pair: foreign, caPEM: ca.CertPEM, want: `certificate is not signed by the CA "edge.default"`},
		{name: "bad CA", pair: good, caPEM: []byte("x"), want: "CA certificate has no PEM block CERTIFICATE"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at := tt.at
			if at.IsZero() {
				at = now
			}
			cert, err := pki.CheckPair(tt.pair, tt.caPEM, tt.names, at)
			if tt.want == "" {
				if err != nil || cert == nil {
					t.Errorf("certificate %v, error %v", cert, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestNeedsIssue(t *testing.T) {
	ca := newCA(t)
	names := []string{"edge", "localhost", "127.0.0.1"}
	good := issueServer(t, ca, names...)
	renew := pki.RenewAt(parse(t, good.CertPEM))
	for _, tt := range []struct {
		name     string
		pair, ca pki.Pair
		names    []string
		duration time.Duration
		at       time.Time
		want     string // "" = keep
	}{
		{name: "keep", pair: good, ca: ca, names: names, duration: 90 * day, at: now},
		{name: "keep until due", pair: good, ca: ca, names: names, duration: 90 * day, at: renew.Add(-time.Second)},
		{name: "none", ca: ca, names: names, duration: 90 * day, at: now, want: "there is no certificate yet"},
		{name: "due", pair: good, ca: ca, names: names, duration: 90 * day, at: renew, want: "certificate is due for renewal since"},
		{name: "name added", pair: good, ca: ca, names: append(names, "mqtt.example.com"), duration: 90 * day, at: now, want: "certificate is not for mqtt.example.com"},
		{name: "name removed", pair: good, ca: ca, names: names[1:], duration: 90 * day, at: now, want: "certificate is for edge, which is no longer wanted"},
		{name: "other duration", pair: good, ca: ca, names: names, duration: 30 * day, at: now, want: "certificate is valid for 2160h0m0s, not 720h0m0s"},
		{name: "other CA", pair: good, ca: newCA(t), names: names, duration: 90 * day, at: now, want: "certificate is not signed by the CA"},
		{name: "broken", pair: pki.Pair{CertPEM: good.CertPEM}, ca: ca, names: names, duration: 90 * day, at: now, want: "private key is empty"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := pki.NeedsIssue(tt.pair, tt.ca, tt.names, tt.duration, tt.at)
			if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNeedsIssueWithSubseconds(t *testing.T) {
	ca := newCA(t)
	at := now.Add(123456789 * time.Nanosecond)
	p, err := pki.IssueClient(ca, "x", 90*day, at)
	if err != nil {
		t.Fatal(err)
	}
	if why := pki.NeedsIssue(p, ca, nil, 90*day, at); why != "" {
		t.Error(why)
	}
}

func TestRenewAt(t *testing.T) {
	cert := &x509.Certificate{NotBefore: now, NotAfter: now.Add(90 * day)}
	if got, want := pki.RenewAt(cert), now.Add(60*day); !got.Equal(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeyPin(t *testing.T) {
	ca := newCA(t)
	got, err := pki.KeyPin(ca.CertPEM)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(parse(t, ca.CertPEM).PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(public)
	if want := hex.EncodeToString(sum[:]); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := pki.KeyPin(nil); err == nil {
		t.Error("no certificate has a pin")
	}
}
