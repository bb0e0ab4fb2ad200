package pki

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"time"
)

// Authority is a CA in the course of time. When it is replaced both are trusted for a while: first the next one
// is only trusted, then it signs and everything is issued anew, then the one of before goes.
type Authority struct {
	// Current signs. Next, if there is one, will; Previous, if there is one, did.
	Current, Next, Previous Pair
	// Since is when the present step of a rotation began; zero: none is under way.
	Since time.Time
	// Asked is what the last rotation was asked for by, beside its time.
	Asked string
}

// empty says that there is no pair.
func (p Pair) empty() bool { return len(p.CertPEM) == 0 && len(p.KeyPEM) == 0 }

// Step is a as it is to be now, and what has been done; "": nothing. A new value of asked begins a rotation, as two
// thirds of the CA's life do; each step of it takes overlap. An Authority without a Current gets one.
func (a Authority) Step(commonName, asked string, overlap time.Duration, now time.Time) (next Authority, did string, err error) {
	if a.Current.empty() {
		a = Authority{Asked: asked}
		a.Current, err = NewCA(commonName, now)
		return a, "made a CA", err
	}
	cert, err := CheckPair(a.Current, nil, nil, now)
	if err != nil {
		return a, "", err
	}
	if !usable(a.Previous, now) { // it has expired, or was spoiled: nothing good is of it
		a.Previous = Pair{}
	}
	due := !a.Since.IsZero() && !now.Before(a.Since.Add(overlap))
	switch {
	case !a.Next.empty() && !usable(a.Next, now):
		a.Next, err = NewCA(commonName, now) // nothing is signed by it yet
		a.Since = now
		return a, "made the next CA anew: it was spoiled", err
	case !a.Next.empty() && due:
		a.Current, a.Previous, a.Next, a.Since = a.Next, a.Current, Pair{}, now
		return a, "the next CA signs from now on", nil
	case !a.Next.empty():
		return a, "", nil
	case !a.Previous.empty() && due:
		a.Previous, a.Since = Pair{}, time.Time{}
		return a, "the CA of before is not trusted any more", nil
	case !a.Previous.empty():
		return a, "", nil
	}
	a.Since = time.Time{}
	if asked != "" && asked != a.Asked || !now.Before(RenewAt(cert)) {
		a.Next, err = NewCA(commonName, now)
		a.Since, a.Asked = now, asked
		return a, "made the next CA, which is trusted from now on", err
	}
	return a, "", nil
}

// StepAt is when Step has something to do.
func (a Authority) StepAt(overlap time.Duration) time.Time {
	if !a.Since.IsZero() {
		return a.Since.Add(overlap)
	}
	if cert, err := Leaf(a.Current.CertPEM); err == nil {
		return RenewAt(cert)
	}
	return time.Time{}
}

// Trusted are all CAs whose certificates are good, the one that signs first.
func (a Authority) Trusted() []Pair {
	trusted := []Pair{a.Current}
	for _, p := range []Pair{a.Next, a.Previous} {
		if !p.empty() {
			trusted = append(trusted, p)
		}
	}
	return trusted
}

// Bundle is the certificates of Trusted, for who verifies.
func (a Authority) Bundle() []byte {
	var all []byte
	for _, p := range a.Trusted() {
		all = append(append(all, bytes.TrimSpace(p.CertPEM)...), '\n')
	}
	return all
}

// Rotating says in words which step of a rotation is under way; "": none.
func (a Authority) Rotating(overlap time.Duration) string {
	until := a.Since.Add(overlap).UTC().Format(time.RFC3339)
	switch {
	case !a.Next.empty():
		return fmt.Sprintf("Clients are given a new CA beside the present one; it signs from %s", until)
	case !a.Previous.empty():
		return fmt.Sprintf("Certificates are of the new CA; the one of before is trusted until %s", until)
	}
	return ""
}

func usable(p Pair, now time.Time) bool {
	if p.empty() {
		return true
	}
	cert, err := CheckPair(p, nil, nil, now)
	return err == nil && cert.IsCA
}

// ReissueClient is IssueClient with the key of p, where that can be used, so that pins of it stay good.
func ReissueClient(ca, p Pair, commonName string, duration time.Duration, now time.Time) (Pair, error) {
	key, err := ecKey(p.KeyPEM)
	if err != nil {
		return IssueClient(ca, commonName, duration, now)
	}
	return issueClient(ca, key, commonName, duration, now)
}

// Expiring says when a certificate ends, where that is so near that its renewal should have happened: within a sixth
// of its life, or 30 days if that is less.
func Expiring(cert *x509.Certificate, now time.Time) bool {
	near := min(cert.NotAfter.Sub(cert.NotBefore)/6, 30*24*time.Hour)
	return !now.Before(cert.NotAfter.Add(-near))
}
