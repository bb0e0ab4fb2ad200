package interop

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, key := selfSigned(t)
	stranger, _ := selfSigned(t)
	c := open(t)
	c.Listeners = append(c.Listeners, config.Listener{
		Host:             "127.0.0.1",
		ListenerSettings: config.ListenerSettings{Name: "tls", Protocol: config.ProtocolMQTTS, Port: int32(freeport.For(t))},
		TLS:              &config.ListenerTLS{CertFile: certificate, KeyFile: key},
	})
	b := serve(t, c)
	for _, version := range versions {
		for _, tls := range []string{"tlsv1.2", "tlsv1.3"} {
			t.Run(version+"/"+tls, func(t *testing.T) {
				args := []string{"-p", b.port(1), "--cafile", certificate, "--tls-version", tls, "-V", version, "-q", "2", "-t", "secret"}
				s := b.subscribe(t, args...)
				b.publish(t, append(args, "-m", "over TLS")...)
				s.receives(t, "secret 2 0 over TLS")
			})
		}
	}
	for name, args := range map[string][]string{
		"another CA":            {"-p", b.port(1), "--cafile", stranger},
		"plain to the TLS port": {"-p", b.port(1)},
		"TLS to the plain port": {"-p", b.port(0), "--cafile", certificate},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := b.tryPublish(append(args, "-t", "secret", "-m", "x")...); err == nil {
				t.Errorf("mosquitto_pub succeeded: %s", out)
			}
		})
	}
	b.publish(t, "-t", "x", "-m", "the broker still serves")
}

// selfSigned writes a certificate for 127.0.0.1, its own CA, and its key.
func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "interop"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return writePEM(t, filepath.Join(dir, "tls.crt"), "CERTIFICATE", cert), writePEM(t, filepath.Join(dir, "tls.key"), "PRIVATE KEY", private)
}

func writePEM(t *testing.T, file, kind string, der []byte) string {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
