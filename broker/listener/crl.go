package listener

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
)

// maxCRLBytes bounds a file of revocation lists: about a million serial numbers.
const maxCRLBytes = 64 << 20

// crl is the certificates that one CA has revoked. RFC 5280 §5.
type crl struct {
	*x509.RevocationList
	issuer  string // keyOf the CA that signed it
	file    string
	serials map[string]struct{} // as big-endian bytes
}

// expired reports whether a newer list should have come; one that does not say when never does.
func (l *crl) expired(now time.Time) bool {
	return !l.NextUpdate.IsZero() && now.After(l.NextUpdate)
}

func (l *crl) has(c *x509.Certificate) bool {
	_, revoked := l.serials[string(c.SerialNumber.Bytes())]
	return revoked
}

// judge says what a list has against a certificate of its CA.
func (l *crl) judge(c *x509.Certificate, now time.Time) error {
	switch {
	case l.expired(now):
		return fmt.Errorf("%w: the revocation list of its CA has expired, %s", errClientCertificate, c.Issuer)
	case l.has(c) && c.IsCA:
		return fmt.Errorf("%w: its CA has been revoked, %s", errClientCertificate, c.Subject)
	case l.has(c):
		return fmt.Errorf("%w: it has been revoked", errClientCertificate)
	}
	return nil
}

// addLists adds the lists in a file, of which the newest of each CA counts, and returns the file's content.
func (a *anchors) addLists(file string) ([]byte, error) {
	data, err := filewatch.Read(file, maxCRLBytes)
	if err != nil {
		return nil, err
	}
	ders, err := listsIn(data)
	if err != nil {
		return nil, err
	}
	for _, der := range ders {
		list, err := a.parseList(der)
		if err != nil {
			return nil, err
		}
		list.file = file
		if old := a.lists[list.issuer]; old == nil || old.ThisUpdate.Before(list.ThisUpdate) {
			a.lists[list.issuer] = list
		}
	}
	return data, nil
}

// listsIn splits a file into lists in DER.
func listsIn(data []byte) ([][]byte, error) {
	var ders [][]byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			return nil, fmt.Errorf("has a %.40s, and only X509 CRLs belong there", block.Type)
		}
		ders = append(ders, block.Bytes)
	}
	if ders == nil {
		ders = [][]byte{data}
	}
	return ders, nil
}

// parseList parses a list and verifies that one of the CAs has signed it.
func (a *anchors) parseList(der []byte) (*crl, error) {
	parsed, err := x509.ParseRevocationList(der)
	if err != nil {
		return nil, fmt.Errorf("it is neither PEM nor DER of a list: %w", err)
	}
	for _, extension := range parsed.Extensions {
		if extension.Critical { // a delta, or a part of the whole
			return nil, errors.New("only complete lists of a CA can be used, and this one says that it is not")
		}
	}
	ca, err := a.issuer(parsed)
	if err != nil {
		return nil, fmt.Errorf("signature of the list of %s: %w", parsed.Issuer, err)
	}
	list := &crl{RevocationList: parsed, issuer: keyOf(ca), serials: make(map[string]struct{}, len(parsed.RevokedCertificateEntries))}
	for _, entry := range parsed.RevokedCertificateEntries {
		list.serials[string(entry.SerialNumber.Bytes())] = struct{}{}
	}
	parsed.RevokedCertificateEntries, parsed.Raw, parsed.RawTBSRevocationList = nil, nil, nil // the serials are enough
	return list, nil
}
