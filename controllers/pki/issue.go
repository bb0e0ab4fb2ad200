package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// caLife is how long a CA is valid.
	caLife = 10 * 365 * 24 * time.Hour
	// clockSkew is how far a certificate is backdated, for peers whose clock is slow.
	clockSkew = 5 * time.Minute
	// maxCommonName is X.509's bound on a common name, in characters (RFC 5280, ub-common-name).
	maxCommonName = 64
)

// Pair is a certificate, with its chain if it has one, and its private key.
type Pair struct {
	CertPEM []byte // CERTIFICATE blocks, the leaf first
	KeyPEM  []byte // one PRIVATE KEY block (PKCS #8) if this package made it
}

// NewCA makes a self-signed CA that may sign leaves only and is valid for ten years from now.
// A common name of more than 64 characters is cut: X.509 allows no longer one.
func NewCA(commonName string, now time.Time) (Pair, error) {
	if runes := []rune(commonName); len(runes) > maxCommonName {
		commonName = string(runes[:maxCommonName])
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(caLife),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make CA key: %w", err)
	}
	return sign(template, template, key, key)
}

// IssueServer makes a server certificate for names, of which there must be one at least; a DNS name
// that is an IP address counts as one. It is valid for duration, but no longer than the CA.
func IssueServer(ca Pair, dnsNames []string, ips []net.IP, duration time.Duration, now time.Time) (Pair, error) {
	template := &x509.Certificate{
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: append([]net.IP(nil), ips...),
	}
	for _, name := range dnsNames {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	if len(template.DNSNames)+len(template.IPAddresses) == 0 {
		return Pair{}, errors.New("issue server certificate: no names to issue it for")
	}
	if len(template.DNSNames) > 0 && len(template.DNSNames[0]) <= maxCommonName {
		template.Subject.CommonName = template.DNSNames[0]
	}
	p, err := issue(ca, template, duration, now)
	if err != nil {
		return Pair{}, fmt.Errorf("issue server certificate: %w", err)
	}
	return p, nil
}

// IssueClient makes a client certificate for commonName, which has 1 to 64 characters. It is valid
// for duration, but no longer than the CA.
func IssueClient(ca Pair, commonName string, duration time.Duration, now time.Time) (Pair, error) {
	return issueClient(ca, nil, commonName, duration, now)
}

// issueClient is IssueClient with a key; nil: a new one.
func issueClient(ca Pair, key *ecdsa.PrivateKey, commonName string, duration time.Duration, now time.Time) (Pair, error) {
	if n := len([]rune(commonName)); n == 0 || n > maxCommonName {
		return Pair{}, fmt.Errorf("issue client certificate: common name %q has %d characters, not 1 to %d",
			commonName, n, maxCommonName)
	}
	p, err := issueFor(ca, key, &x509.Certificate{
		Subject:     pkix.Name{CommonName: commonName},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, duration, now)
	if err != nil {
		return Pair{}, fmt.Errorf("issue client certificate: %w", err)
	}
	return p, nil
}

// issue signs template, with a new key, with the CA.
func issue(ca Pair, template *x509.Certificate, duration time.Duration, now time.Time) (Pair, error) {
	return issueFor(ca, nil, template, duration, now)
}

// ecKey reads a key as this package writes it.
func ecKey(keyPEM []byte) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode(keyPEM)
	if block == nil {
		return nil, errors.New("no key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("read key: it is a %T", parsed)
	}
	return key, nil
}

// issueFor signs template with the CA, for a key; nil: a new one.
func issueFor(ca Pair, key *ecdsa.PrivateKey, template *x509.Certificate, duration time.Duration, now time.Time) (Pair, error) {
	if duration <= 0 {
		return Pair{}, fmt.Errorf("duration %s is not positive", duration)
	}
	signer, err := tls.X509KeyPair(ca.CertPEM, ca.KeyPEM)
	if err != nil {
		return Pair{}, fmt.Errorf("read CA: %w", err)
	}
	template.NotBefore = now.Add(-clockSkew)
	template.NotAfter = notAfter(signer.Leaf, now, duration)
	if !template.NotAfter.After(now) {
		return Pair{}, fmt.Errorf("read CA: expired at %s", signer.Leaf.NotAfter.Format(time.RFC3339))
	}
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return Pair{}, fmt.Errorf("make key: %w", err)
		}
	}
	return sign(template, signer.Leaf, key, signer.PrivateKey)
}

// notAfter is the end of a certificate that is issued now: a leaf does not outlive its CA.
func notAfter(ca *x509.Certificate, now time.Time, duration time.Duration) time.Time {
	if end := now.Add(duration); end.Before(ca.NotAfter) {
		return end
	}
	return ca.NotAfter
}

// sign makes the certificate of key; its random serial number is x509's choice.
func sign(template, parent *x509.Certificate, key *ecdsa.PrivateKey, signer any) (Pair, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, fmt.Errorf("sign certificate: %w", err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, fmt.Errorf("encode private key: %w", err)
	}
	return Pair{
		CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}
