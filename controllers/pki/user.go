package pki

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/url"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// UserCertificate is what a client certificate that names a user is to be.
type UserCertificate struct {
	// Username is in the field that the broker takes it from, and in the common name too where it fits.
	Username string
	// Field is where the broker looks for the user name. Empty: CommonName.
	Field config.CertificateField
	// Serial is the serial number, in hex: a Ledger's Next.
	Serial string
	// Duration is how long it is valid, and RenewBefore how long before its end it is replaced; 0: after
	// two thirds of its life.
	Duration, RenewBefore time.Duration
}

// IssueUser makes the certificate. A user name that the field cannot hold is an error that says so.
func IssueUser(ca Pair, c UserCertificate, now time.Time) (Pair, error) {
	serial, ok := new(big.Int).SetString(c.Serial, 16)
	if !ok || serial.Sign() <= 0 {
		return Pair{}, fmt.Errorf("issue client certificate: serial number %q is none", c.Serial)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if err := c.putName(template); err != nil {
		return Pair{}, fmt.Errorf("issue client certificate: %w", err)
	}
	pair, err := issue(ca, template, c.Duration, now)
	if err != nil {
		return Pair{}, fmt.Errorf("issue client certificate: %w", err)
	}
	leaf, err := CheckPair(pair, nil, nil, now)
	if err != nil {
		return Pair{}, fmt.Errorf("issue client certificate: %w", err)
	}
	if got := UsernameIn(leaf, c.Field); got != c.Username {
		return Pair{}, fmt.Errorf("issue client certificate: %s cannot hold the user name %q", c.Field, c.Username)
	}
	return pair, nil
}

// putName writes the user name into a certificate that is to be.
func (c UserCertificate) putName(template *x509.Certificate) error {
	n := len([]rune(c.Username))
	if n > 0 && n <= maxCommonName {
		template.Subject = pkix.Name{CommonName: c.Username}
	}
	switch c.Field {
	case config.DNSName:
		template.DNSNames = []string{c.Username}
	case config.URI:
		uri, err := url.Parse(c.Username)
		if err != nil || uri.Scheme == "" {
			return fmt.Errorf("the user name %q is no URI, which the Broker takes it from", c.Username)
		}
		template.URIs = []*url.URL{uri}
	default:
		if n == 0 || n > maxCommonName {
			return fmt.Errorf("the user name has %d characters, and a common name 1 to %d", n, maxCommonName)
		}
	}
	return nil
}

// UsernameIn is the user name that a broker finds in a certificate; "": none.
func UsernameIn(c *x509.Certificate, field config.CertificateField) string {
	switch {
	case field == config.DNSName && len(c.DNSNames) > 0:
		return c.DNSNames[0]
	case field == config.URI && len(c.URIs) > 0:
		return c.URIs[0].String()
	case field == config.CommonName || field == "":
		return c.Subject.CommonName
	}
	return ""
}

// NeedsUser says why a certificate has to be issued by ca in place of p. "": p can stay.
func (c UserCertificate) NeedsUser(p Pair, ca Pair, now time.Time) (reason string) {
	if len(p.CertPEM) == 0 {
		return "there is no certificate yet"
	}
	authority, err := parseChain("CA certificate", ca.CertPEM)
	if err != nil {
		return err.Error()
	}
	leaf, err := CheckPair(p, ca.CertPEM, nil, now)
	if err != nil {
		return err.Error()
	}
	if got := UsernameIn(leaf, c.Field); got != c.Username {
		return fmt.Sprintf("certificate is for user %q", got)
	}
	if renew := c.RenewAt(leaf); !now.Before(renew) {
		return "certificate is due for renewal since " + renew.Format(time.RFC3339)
	}
	issued := leaf.NotBefore.Add(clockSkew)
	if want := notAfter(authority[0], issued, c.Duration.Truncate(time.Second)); !leaf.NotAfter.Equal(want) {
		return fmt.Sprintf("certificate is valid for %s, not %s", leaf.NotAfter.Sub(issued), c.Duration)
	}
	return ""
}

// RenewAt is when a certificate is to be replaced: RenewBefore its end, but not before half of its life,
// or after two thirds of it. A certificate that its CA's end cut short is renewed by the new CA.
func (c UserCertificate) RenewAt(leaf *x509.Certificate) time.Time {
	if c.RenewBefore <= 0 {
		return RenewAt(leaf)
	}
	half := leaf.NotBefore.Add(leaf.NotAfter.Sub(leaf.NotBefore) / 2)
	if at := leaf.NotAfter.Add(-c.RenewBefore); at.After(half) {
		return at
	}
	return half
}
