package peer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/bench/internal/load"
)

// pair is a certificate of ECDSA P-256 and its key, in files.
type pair struct{ cert, key string }

func newPair(dir string) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	now := time.Now()
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return pair{}, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, err
	}
	p := pair{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem")}
	if err := os.WriteFile(p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600); err != nil {
		return pair{}, err
	}
	return p, os.WriteFile(p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}

// TLSTransport is how to reach r.TLS; resume lets sessions be resumed. That the certificate is r's own is not looked at: it
// is the broker's work that counts, and the generator's shares its machine.
func TLSTransport(resume bool) load.Transport {
	c := &tls.Config{ServerName: "127.0.0.1", InsecureSkipVerify: true}
	if resume {
		c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	return load.TLS(c)
}

// WebSocketTransport is how to reach r.WebSocket.
func WebSocketTransport() load.Transport { return load.WebSocket(webPath) }
