package listener

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
)

// maxCABytes bounds a file of CAs.
const maxCABytes = 4 << 20

// trust is what client certificates are verified by, as current as its files.
type trust struct {
	caFile   string
	crlFiles []string
	log      *slog.Logger
	now      func() time.Time
	current  atomic.Pointer[anchors]
	changed  atomic.Pointer[func()]
	failure  string        // what was last logged as wrong; used by reload only
	renewed  chan struct{} // current is another one
}

// anchors are the CAs and what they have revoked, at one time.
type anchors struct {
	pool    *x509.CertPool
	cas     []*x509.Certificate
	checked bool              // there are lists of the revoked, and a client's issuer must have one
	lists   map[string]*crl   // by keyOf their issuer
	above   map[string][]link // by the bytes of a CA: what may revoke it, and those above it
	sum     string            // config.ClientTrustSum of the files
}

// link is a CA that another of the CAs has issued, and the list of that one.
type link struct {
	ca   *x509.Certificate
	list *crl
}

// openTrust reads the files. The error names the one that cannot be used.
func openTrust(caFile string, crlFiles []string, log *slog.Logger) (*trust, error) {
	t := &trust{caFile: caFile, crlFiles: crlFiles, log: log, now: time.Now, renewed: make(chan struct{}, 1)}
	a, err := t.read()
	if err != nil {
		return nil, err
	}
	t.current.Store(a)
	return t, nil
}

func (t *trust) pool() *x509.CertPool { return t.current.Load().pool }

// Run watches the files, and the time that they are good for, until ctx is done.
func (t *trust) Run(ctx context.Context) error {
	var lists sync.WaitGroup
	defer lists.Wait()
	if len(t.crlFiles) > 0 {
		lists.Go(func() { t.watchLists(ctx) })
	}
	return filewatch.Watch(ctx, append([]string{t.caFile}, t.crlFiles...), t.log, t.reload)
}

// reload takes what the files have now, as a whole or not at all.
func (t *trust) reload() {
	a, err := t.read()
	if err != nil {
		if t.failure != err.Error() {
			t.failure = err.Error()
			t.log.Error("new client CAs or revocation lists cannot be used, the old ones stay", "reason", err)
		}
		return
	}
	t.failure = ""
	if a.sum == t.current.Load().sum {
		return
	}
	t.current.Store(a)
	t.log.Info("client CAs and revocation lists reloaded", "path", t.caFile, "cas", len(a.cas), "revoked", a.revoked())
	t.tell()
	select {
	case t.renewed <- struct{}{}:
	default:
	}
}

// tell says that somebody who has been let in may not be any more.
func (t *trust) tell() {
	if changed := t.changed.Load(); changed != nil {
		(*changed)()
	}
}

func (t *trust) read() (*anchors, error) {
	data, err := filewatch.Read(t.caFile, maxCABytes)
	if err != nil {
		return nil, fmt.Errorf("client CAs: %w", err)
	}
	a := &anchors{pool: x509.NewCertPool(), checked: len(t.crlFiles) > 0, lists: make(map[string]*crl)}
	var lists [][]byte
	anchors := data
	if a.cas, err = parseCAs(data); err != nil {
		return nil, fmt.Errorf("client CAs: %s: %w", t.caFile, err)
	}
	for _, ca := range a.cas {
		a.pool.AddCert(ca)
	}
	for _, file := range t.crlFiles {
		data, err := a.addLists(file)
		if err != nil {
			return nil, fmt.Errorf("revocation list %s: %w", file, err)
		}
		lists = append(lists, data)
	}
	a.above = make(map[string][]link)
	for _, ca := range a.cas {
		a.above[string(ca.Raw)] = a.climb(ca, make(map[*x509.Certificate]bool))
	}
	a.sum = config.ClientTrustSum(anchors, lists...)
	return a, nil
}

func parseCAs(data []byte) ([]*x509.Certificate, error) {
	var cas []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("has a %.40s, and only certificates belong there", block.Type)
		}
		ca, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if !ca.IsCA {
			return nil, fmt.Errorf("the certificate of %s is no CA's", ca.Subject)
		}
		cas = append(cas, ca)
	}
	if len(cas) == 0 {
		return nil, errors.New("has no certificate in PEM")
	}
	return cas, nil
}

// check verifies a client's certificate, followed by those of its CAs that it sent: issued by one of the CAs for
// clients, valid today, and nothing on the way to the CA revoked.
func (t *trust) check(chain []*x509.Certificate) error {
	a, now := t.current.Load(), t.now()
	sent := x509.NewCertPool()
	for _, c := range chain[1:] {
		sent.AddCert(c)
	}
	verified, err := chain[0].Verify(x509.VerifyOptions{
		Roots: a.pool, Intermediates: sent, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("%w: %w", errClientCertificate, err)
	}
	for _, path := range verified {
		if err = a.standing(path, now); err == nil {
			return nil
		}
	}
	return err
}

// standing says whether anything on a path from a client to a CA has been revoked, or that CA itself by another.
func (a *anchors) standing(path []*x509.Certificate, now time.Time) error {
	if !a.checked {
		return nil
	}
	for _, l := range a.above[string(path[len(path)-1].Raw)] {
		if err := l.list.judge(l.ca, now); err != nil {
			return err
		}
	}
	for i, c := range path[:max(1, len(path)-1)] {
		list := a.lists[keyOf(path[min(i+1, len(path)-1)])]
		switch {
		case list == nil && i == 0:
			return fmt.Errorf("%w: there is no revocation list of its CA, %s", errClientCertificate, c.Issuer)
		case list == nil:
			continue
		}
		if err := list.judge(c, now); err != nil {
			return err
		}
	}
	return nil
}

// climb finds what may revoke a CA that is trusted: as it is, no path goes on to who has issued it.
func (a *anchors) climb(ca *x509.Certificate, seen map[*x509.Certificate]bool) (links []link) {
	seen[ca] = true
	for _, issuer := range a.cas {
		if issuer == ca || !bytes.Equal(ca.RawIssuer, issuer.RawSubject) || ca.CheckSignatureFrom(issuer) != nil {
			continue
		}
		if list := a.lists[keyOf(issuer)]; list != nil {
			links = append(links, link{ca, list})
		}
		if !seen[issuer] {
			links = append(links, a.climb(issuer, seen)...)
		}
	}
	return links
}

func (a *anchors) revoked() (n int) {
	for _, list := range a.lists {
		n += len(list.serials)
	}
	return n
}

// issuer finds the CA that signed a list.
func (a *anchors) issuer(list *x509.RevocationList) (*x509.Certificate, error) {
	err := errors.New("it is of none of the client CAs")
	for _, ca := range a.cas {
		if bytes.Equal(ca.RawSubject, list.RawIssuer) {
			if err = list.CheckSignatureFrom(ca); err == nil {
				return ca, nil
			}
		}
	}
	return nil, err
}

// keyOf tells CAs apart, those of one name by their keys.
func keyOf(ca *x509.Certificate) string {
	return string(ca.RawSubject) + "\x00" + string(ca.RawSubjectPublicKeyInfo)
}
