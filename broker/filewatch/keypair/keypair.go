// Package keypair keeps a TLS certificate and its key as current as their files, without a restart.
//
// A pair that does not parse or does not match never takes the place of one that works. It opens no socket and
// never logs what is in a key. Packages listener and admin call it.
package keypair

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
)

// maxBytes bounds each of the two files.
const maxBytes = 1 << 20

// Pair is a certificate with its chain, and its key. Any number of goroutines may use it.
type Pair struct {
	certFile, keyFile string
	log               *slog.Logger
	current           atomic.Pointer[tls.Certificate]
	failure           string // what was last logged as wrong; used by Run only
}

// Open reads the two files, PEM both. The error names the file.
func Open(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	p := &Pair{certFile: certFile, keyFile: keyFile, log: log}
	c, err := p.read()
	if err != nil {
		return nil, err
	}
	p.use(c)
	return p, nil
}

// Certificate is the current one, for tls.Config.GetCertificate.
func (p *Pair) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return p.current.Load(), nil
}

// CertFile is the path of the certificate.
func (p *Pair) CertFile() string { return p.certFile }

// Run watches the files until ctx is done. New connections get the new certificate, others stay as they are.
func (p *Pair) Run(ctx context.Context) error {
	return filewatch.Watch(ctx, []string{p.certFile, p.keyFile}, p.log, p.reload)
}

func (p *Pair) reload() {
	c, err := p.read()
	if err != nil {
		if p.failure != err.Error() {
			p.failure = err.Error()
			p.log.Error("new certificate cannot be used, the old one stays", "reason", err)
		}
		return
	}
	p.failure = ""
	if !c.Leaf.Equal(p.current.Load().Leaf) {
		p.use(c)
		p.log.Info("certificate reloaded", "path", p.certFile, "not_after", c.Leaf.NotAfter)
	}
}

func (p *Pair) use(c *tls.Certificate) {
	p.current.Store(c)
	if time.Now().After(c.Leaf.NotAfter) {
		p.log.Warn("certificate has expired, clients will refuse it", "path", p.certFile, "not_after", c.Leaf.NotAfter)
	}
}

// read reads and checks the pair: in the middle of a replacement the two do not match.
func (p *Pair) read() (*tls.Certificate, error) {
	cert, err := filewatch.Read(p.certFile, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	key, err := filewatch.Read(p.keyFile, maxBytes)
	if err != nil {
		return nil, fmt.Errorf("certificate key: %w", err)
	}
	c, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", p.certFile, p.keyFile, err)
	}
	return &c, nil
}
