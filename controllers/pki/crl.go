package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"
)

const (
	// crlLife is how long a revocation list is good: a broker refuses every client certificate after
	// that, so it is how long the operator may be away.
	crlLife = 30 * 24 * time.Hour
	// crlRenew is the age at which a list is issued anew.
	crlRenew = 10 * 24 * time.Hour
)

// Revoked is a client certificate that is not to be accepted any more.
type Revoked struct {
	Serial string    `json:"serial"` // in hex
	At     time.Time `json:"at"`
	Until  time.Time `json:"until"` // when it expires
	// Ended is when it was first seen to have expired: after keepEnded it leaves the list. Zero: it has not.
	Ended time.Time `json:"ended,omitzero"`
}

// RevocationLists are the lists of revoked certificates, one of each CA in cas, as PEM, and when they are to
// be issued anew. kept, the lists of before, stays as it is while it says the same and is not due. A serial
// number is in the list of every CA: they are random, so that another CA's does no harm.
func RevocationLists(kept []byte, cas []Pair, revoked []Revoked, now time.Time) (lists []byte, renew time.Time, err error) {
	if renew, ok := listsGood(kept, cas, revoked, now); ok {
		return kept, renew, nil
	}
	var out []byte
	for _, ca := range cas {
		list, err := issueList(ca, revoked, now)
		if err != nil {
			return nil, time.Time{}, fmt.Errorf("issue revocation list: %w", err)
		}
		out = append(out, list...)
	}
	return out, now.Add(crlRenew), nil
}

func issueList(ca Pair, revoked []Revoked, now time.Time) ([]byte, error) {
	signer, err := tls.X509KeyPair(ca.CertPEM, ca.KeyPEM)
	if err != nil {
		return nil, fmt.Errorf("read CA: %w", err)
	}
	template := &x509.RevocationList{
		Number:     big.NewInt(now.Unix()), // grows from list to list
		ThisUpdate: now.Add(-clockSkew), NextUpdate: now.Add(crlLife),
	}
	for _, r := range revoked {
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		if !ok {
			return nil, fmt.Errorf("serial number %q is none", r.Serial)
		}
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: serial, RevocationTime: r.At})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, signer.Leaf, signer.PrivateKey.(crypto.Signer))
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), nil
}

// listsGood says whether lists are of just those CAs and serial numbers, and not due; and when they will be.
func listsGood(lists []byte, cas []Pair, revoked []Revoked, now time.Time) (renew time.Time, ok bool) {
	want := make(map[string]bool, len(revoked))
	for _, r := range revoked {
		want[r.Serial] = true
	}
	rest := lists
	for _, ca := range cas {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return renew, false
		}
		at, good := listGood(block.Bytes, ca, want)
		if !good || !now.Before(at) {
			return renew, false
		}
		if renew.IsZero() || at.Before(renew) {
			renew = at
		}
	}
	more, _ := pem.Decode(rest)
	return renew, more == nil && len(cas) > 0
}

// listGood says whether one list is ca's and has just those serial numbers, and when it is due. One of the
// future, made before the clock was set back, is due at once.
func listGood(der []byte, ca Pair, want map[string]bool) (renew time.Time, ok bool) {
	chain, err := parseChain("CA certificate", ca.CertPEM)
	if err != nil {
		return renew, false
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil || list.CheckSignatureFrom(chain[0]) != nil {
		return renew, false
	}
	have := make(map[string]bool, len(list.RevokedCertificateEntries))
	for _, entry := range list.RevokedCertificateEntries {
		have[serialOf(entry.SerialNumber)] = true
	}
	return list.ThisUpdate.Add(clockSkew + crlRenew), maps.Equal(have, want)
}

// serialOf is how a serial number is written in a Ledger.
func serialOf(n *big.Int) string { return n.Text(16) }

// sortRevoked orders by serial number, so that the same set is the same bytes.
func sortRevoked(revoked []Revoked) {
	slices.SortFunc(revoked, func(a, b Revoked) int {
		if a.Serial < b.Serial {
			return -1
		}
		if a.Serial > b.Serial {
			return 1
		}
		return 0
	})
}
