package local

import (
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

const certified = `
BROKER {tls: {clientAuth: Require}, authentication: {clientCertificate: {usernameFrom: CommonName}}}
USER {name: alice, namespace: default}
spec: {REF, authentication: {password: {disabled: true}, clientCertificate: {}}}
`

// serialIn is the serial number of alice's certificate.
func serialIn(t *testing.T) string {
	t.Helper()
	leaf, err := pki.Leaf([]byte(readFile(t, "state/users/alice/tls.crt")))
	if err != nil {
		t.Fatal(err)
	}
	return leaf.SerialNumber.Text(16)
}

// revokedIn says whether the list that the broker reads has a serial number.
func revokedIn(t *testing.T, serial string) bool {
	t.Helper()
	block, _ := pem.Decode([]byte(readFile(t, "state/client-ca.crl")))
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list.RevokedCertificateEntries {
		if r.SerialNumber.Text(16) == serial {
			return true
		}
	}
	return false
}

// TestClientCertificates: issued once, renewed in time, revoked when the User goes.
func TestClientCertificates(t *testing.T) {
	t.Chdir(t.TempDir())
	first := planOf(t, certified, now)
	serial := serialIn(t)
	tls := first.config.Listeners[0].TLS
	if tls.ClientCAFile != "state/client-ca.crt" || len(tls.CRLFiles) != 1 || tls.CRLFiles[0] != "state/client-ca.crl" {
		t.Errorf("%+v", tls)
	}
	ca := []byte(readFile(t, tls.ClientCAFile))
	pair := pki.Pair{CertPEM: []byte(readFile(t, "state/users/alice/tls.crt")), KeyPEM: []byte(readFile(t, "state/users/alice/tls.key"))}
	if leaf, err := pki.CheckPair(pair, ca, nil, now); err != nil || leaf.Subject.CommonName != "alice" {
		t.Errorf("%v, %v", leaf, err)
	}
	e, ok := first.pickExample()
	if flags := first.connectFlags(e, first.config.Listeners[0], noAddress); !ok ||
		!strings.Contains(flags, "--cert state/users/alice/tls.crt --key state/users/alice/tls.key") || strings.Contains(flags, "-P") {
		t.Errorf("example: %s", flags)
	}
	if planOf(t, certified, now.Add(9*24*time.Hour)); serialIn(t) != serial {
		t.Error("the certificate is issued anew without need")
	}
	if planOf(t, certified, now.Add(61*24*time.Hour)); serialIn(t) == serial || revokedIn(t, serial) {
		t.Error("the certificate is not renewed, or the one of before is revoked")
	}
	renewed, at := serialIn(t), now.Add(61*24*time.Hour)
	forced := strings.ReplaceAll(certified, "namespace: default}", "namespace: default, annotations: {mqtt.dunlin.dev/force-renew: leaked}}")
	if next := planOf(t, forced, at); serialIn(t) == renewed || !revokedIn(t, renewed) || next.restarts(first) {
		t.Error("a forced renewal does not replace and revoke, or restarts the broker")
	}
	last := serialIn(t)
	if planOf(t, strings.Split(certified, "USER")[0], at); !revokedIn(t, last) || !revokedIn(t, serial) {
		t.Error("who is gone has a good certificate")
	}
	if planOf(t, certified, at); serialIn(t) == last {
		t.Error("who is back has a certificate that is revoked")
	}
}

func TestNoCertificateForAName(t *testing.T) {
	t.Chdir(t.TempDir())
	p := planOf(t, strings.ReplaceAll(certified, "CommonName", "URI"), now)
	if len(p.notes) != 1 || !strings.Contains(p.notes[0], "User default/alice has no client certificate") {
		t.Errorf("notes %q", p.notes)
	}
}
