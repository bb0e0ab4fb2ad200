package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// CheckPair says whether p can serve now: certificate and key parse and belong together, the
// certificate is within its life, it is signed by one of the CAs in caPEM (nil: not asked), and it
// covers dnsNames, among which IP addresses may be (none: not asked). The error says what is wrong.
func CheckPair(p Pair, caPEM []byte, dnsNames []string, now time.Time) (*x509.Certificate, error) {
	chain, err := parseChain("certificate", p.CertPEM)
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	if err := checkKey(p); err != nil {
		return nil, err
	}
	if now.Before(leaf.NotBefore) {
		return nil, fmt.Errorf("certificate is not valid before %s", leaf.NotBefore.Format(time.RFC3339))
	}
	if !now.Before(leaf.NotAfter) {
		return nil, fmt.Errorf("certificate expired at %s", leaf.NotAfter.Format(time.RFC3339))
	}
	for _, name := range dnsNames {
		if leaf.VerifyHostname(name) != nil {
			return nil, fmt.Errorf("certificate is not for %s, only for %s", name, names(leaf))
		}
	}
	if caPEM != nil {
		if err := checkIssuer(chain, caPEM, now); err != nil {
			return nil, err
		}
	}
	return leaf, nil
}

// NeedsIssue says why a certificate has to be issued by ca in place of p: it is missing, broken,
// signed by another CA, for other names, due for renewal, or valid for another time than duration.
// "": p can stay. IP addresses that p has beyond dnsNames do not matter.
func NeedsIssue(p Pair, ca Pair, dnsNames []string, duration time.Duration, now time.Time) (reason string) {
	if len(p.CertPEM) == 0 {
		return "there is no certificate yet"
	}
	authority, err := parseChain("CA certificate", ca.CertPEM)
	if err != nil {
		return err.Error()
	}
	leaf, err := CheckPair(p, ca.CertPEM, dnsNames, now)
	if err != nil {
		return err.Error()
	}
	for _, name := range leaf.DNSNames {
		if !slices.Contains(dnsNames, name) {
			return fmt.Sprintf("certificate is for %s, which is no longer wanted", name)
		}
	}
	if renew := RenewAt(leaf); !now.Before(renew) {
		return "certificate is due for renewal since " + renew.Format(time.RFC3339)
	}
	issued := leaf.NotBefore.Add(clockSkew)
	if want := notAfter(authority[0], issued, duration.Truncate(time.Second)); !leaf.NotAfter.Equal(want) {
		return fmt.Sprintf("certificate is valid for %s, not %s", leaf.NotAfter.Sub(issued), duration)
	}
	return ""
}

// RenewAt is when a certificate is to be replaced: after two thirds of its life.
func RenewAt(cert *x509.Certificate) time.Time {
	return cert.NotBefore.Add(cert.NotAfter.Sub(cert.NotBefore) / 3 * 2)
}

// Leaf is the first certificate in certPEM.
func Leaf(certPEM []byte) (*x509.Certificate, error) {
	chain, err := parseChain("certificate", certPEM)
	if err != nil {
		return nil, err
	}
	return chain[0], nil
}

// KeyPin is the hex SHA-256 of the SubjectPublicKeyInfo of the first certificate in certPEM: it
// identifies the key, and stays when a certificate is renewed with the same one.
func KeyPin(certPEM []byte) (string, error) {
	chain, err := parseChain("certificate", certPEM)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(chain[0].RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:]), nil
}

// parseChain reads the CERTIFICATE blocks of data, of which there must be one at least.
func parseChain(what string, data []byte) ([]*x509.Certificate, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%s is empty", what)
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: block %d: %w", what, len(chain)+1, err)
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("%s has no PEM block CERTIFICATE", what)
	}
	return chain, nil
}

// checkKey says whether the private key of p parses and belongs to its first certificate.
func checkKey(p Pair) error {
	if len(bytes.TrimSpace(p.KeyPEM)) == 0 {
		return errors.New("private key is empty")
	}
	if _, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM); err != nil {
		reason := strings.TrimPrefix(err.Error(), "tls: ")
		if strings.Contains(reason, "does not match") {
			return errors.New("private key does not belong to the certificate")
		}
		return fmt.Errorf("private key: %s", reason)
	}
	return nil
}

// checkIssuer says whether chain, leaf first, ends at one of the CAs in caPEM.
func checkIssuer(chain []*x509.Certificate, caPEM []byte, now time.Time) error {
	cas, err := parseChain("CA certificate", caPEM)
	if err != nil {
		return err
	}
	options := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, ca := range cas {
		options.Roots.AddCert(ca)
	}
	for _, cert := range chain[1:] {
		options.Intermediates.AddCert(cert)
	}
	if _, err := chain[0].Verify(options); err != nil {
		return fmt.Errorf("certificate is not signed by the CA %q: %w", cas[0].Subject.CommonName, err)
	}
	return nil
}

// names lists what a certificate is for.
func names(cert *x509.Certificate) string {
	all := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name at all"
	}
	return strings.Join(all, ", ")
}
