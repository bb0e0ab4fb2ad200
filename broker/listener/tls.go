package listener

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair"
)

// configureTLS opens the certificates, and what clients' are verified by.
//
// Session tickets stay on: they make a reconnect cheap, and their keys rotate daily. What a client proved when it got
// one is not taken for granted: VerifyConnection is asked at a resumption as well.
func (l *Listener) configureTLS(c *config.ListenerTLS) ([]follower, error) {
	var served certificates
	var files []follower
	for _, f := range append([]config.CertificateFiles{{CertFile: c.CertFile, KeyFile: c.KeyFile}}, c.Certificates...) {
		pair, err := keypair.Open(f.CertFile, f.KeyFile, l.log)
		if err != nil {
			return nil, err
		}
		served, files = append(served, pair), append(files, pair)
	}
	l.served = served
	l.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: served.choose}
	if c.MinVersion == config.TLS13 {
		l.tls.MinVersion = tls.VersionTLS13
	}
	if !c.ClientAuth.Asks() {
		return files, nil
	}
	var err error
	if l.trust, err = openTrust(c.ClientCAFile, c.CRLFiles, l.log); err != nil {
		return nil, err
	}
	// The chain is verified by VerifyConnection alone, against what is trusted at the moment.
	l.tls.ClientAuth = tls.RequestClientCert
	if c.ClientAuth == config.ClientAuthRequire {
		l.tls.ClientAuth = tls.RequireAnyClientCert
	}
	l.tls.VerifyConnection = l.verify
	base := l.tls
	l.tls = base.Clone()
	l.tls.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := base.Clone()
		now.ClientCAs = l.trust.pool() // whom to have a certificate of
		return now, nil
	}
	return append(files, l.trust), nil
}

// verify judges the client of a handshake, a resumed one too.
func (l *Listener) verify(cs tls.ConnectionState) error {
	if len(cs.PeerCertificates) == 0 {
		return nil // where one is required, this is not reached
	}
	err := l.trust.check(cs.PeerCertificates)
	if err != nil {
		l.say("client certificate refused", "subject", cs.PeerCertificates[0].Subject.String(), "reason", err.Error())
	}
	return err
}

// Check says why a client with a certificate, followed by those of its CAs that it sent, would not be let in now.
func (l *Listener) Check(chain []*x509.Certificate) error {
	if l.trust == nil {
		return nil
	}
	return l.trust.check(chain)
}

// Trust is config.ClientTrustSum of what Check goes by now; "": clients are not asked for certificates.
func (l *Listener) Trust() string {
	if l.trust == nil {
		return ""
	}
	return l.trust.current.Load().sum
}

// TrustChanged has fn called after each change of what Check goes by. It is called before Accept.
func (l *Listener) TrustChanged(fn func()) {
	if l.trust != nil {
		l.trust.changed.Store(&fn)
	}
}

// ClientChain is the certificates that a client proved to hold in the handshake, its own first; nil: none. nc is from
// Accept, and has been read from.
func ClientChain(nc net.Conn) []*x509.Certificate {
	if secure := below[*secured](nc); secure != nil {
		return secure.ConnectionState().PeerCertificates
	}
	return nil
}

// certificates are the server's; there is one at least.
type certificates []*keypair.Pair

// CertificateExpires is when the first of the certificates that are served now does; zero: there is none.
func (l *Listener) CertificateExpires() (first time.Time) {
	for _, pair := range l.served {
		if at := endOf(pair).At; first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}

// choose returns the first that is for the host name that the client asks for, and the first of all if none is.
func (s certificates) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if hello.ServerName != "" {
		for _, pair := range s {
			c, err := pair.Certificate(hello)
			if err == nil && c.Leaf.VerifyHostname(hello.ServerName) == nil {
				return c, nil
			}
		}
	}
	return s[0].Certificate(hello)
}
