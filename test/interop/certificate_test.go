package interop

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

// TestClientCertificates: mosquitto_pub and mosquitto_sub are who their certificate says, until it is revoked.
func TestClientCertificates(t *testing.T) {
	certificate, key := selfSigned(t)
	ca := keypairtest.NewCA(t, "devices")
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file+".new", content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
		return file
	}
	device := ca.Client(t, "device-17", nil)
	private, err := x509.MarshalPKCS8PrivateKey(device.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t)
	c.Authentication = config.Authentication{ClientCertificate: &config.ClientCertificate{UsernameFrom: config.CommonName}}
	c.Authorization.DefaultPolicy = config.PolicyDeny
	c.AuthFiles.ACLFile = write("acl.yaml", []byte("acls: [{name: own, subjects: [{kind: User, name: device-17}], rules: [{actions: [Publish, Subscribe], topics: ['of/${cert.cn}/#']}]}]"))
	c.Listeners = append(c.Listeners, config.Listener{
		Host:             "127.0.0.1",
		ListenerSettings: config.ListenerSettings{Name: "tls", Protocol: config.ProtocolMQTTS, Port: int32(freeport.For(t))},
		TLS: &config.ListenerTLS{
			CertFile: certificate, KeyFile: key, ClientAuth: config.ClientAuthRequire,
			ClientCAFile: write("ca.crt", ca.PEM), CRLFiles: []string{write("ca.crl", keypairtest.PEMList(ca.CRL(t, time.Hour, nil)))},
		},
	})
	b := serve(t, c)
	args := []string{"-p", b.port(1), "--cafile", certificate,
		"--cert", write("device.crt", keypairtest.PEMCertificate(device.Leaf)),
		"--key", write("device.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), "-t", "of/device-17/x"}
	for _, version := range versions {
		s := b.subscribe(t, append(args, "-V", version, "-q", "1")...)
		b.publish(t, append(args, "-V", version, "-q", "1", "-m", "by certificate")...)
		s.receives(t, "of/device-17/x 1 0 by certificate")
	}
	if out, err := b.tryPublish("-p", b.port(1), "--cafile", certificate, "-t", "of/device-17/x", "-m", "x"); err == nil {
		t.Errorf("without a certificate: %s", out)
	}
	write("ca.crl", keypairtest.PEMList(ca.CRL(t, time.Hour, nil, device.Leaf)))
	b.line("client CAs and revocation lists reloaded")
	if out, err := b.tryPublish(append(args, "-m", "x")...); err == nil {
		t.Errorf("with a revoked certificate: %s", strings.TrimSpace(out))
	}
}
