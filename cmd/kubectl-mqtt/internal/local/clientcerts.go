package local

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// defaultUserDuration is a client certificate's for a User that says none.
const defaultUserDuration = 90 * 24 * time.Hour

// certify issues, renews and revokes the client certificates of p's members, and writes what the broker
// verifies them by. The ledger is written before a certificate is, as the operator does it.
func (k keeper) certify(p *plan, now time.Time) error {
	if !render.OwnClientCA(p.broker.Spec.TLS) {
		return nil
	}
	if len(p.certs.ca.CertPEM) == 0 { // the server's certificate is from elsewhere
		ca, err := k.state.ca(p.broker, now)
		if err != nil {
			return err
		}
		p.certs.ca = ca
	}
	ledgerFile := k.state.path("client-certs.json")
	data, err := readOptional(ledgerFile)
	if err != nil {
		return err
	}
	ledger, err := pki.ParseLedger(data)
	if err != nil {
		return fmt.Errorf("%s: %w", ledgerFile, err)
	}
	// Once to have a serial number for whoever needs a certificate, and once to note that it is used.
	for range 2 {
		wanted, err := k.wanted(p)
		if err != nil {
			return err
		}
		ledger = ledger.Update(wanted, now)
		data, err := ledger.Encode()
		if err != nil {
			return err
		}
		if err := writeIfNew(ledgerFile, data); err != nil {
			return err
		}
		for i := range p.members {
			if err := k.issue(p, &p.members[i], ledger, now); err != nil {
				return err
			}
		}
	}
	return k.writeTrust(p, ledger, now)
}

// wanted are the members that shall have a certificate, and what they have.
func (k keeper) wanted(p *plan) ([]pki.Wanted, error) {
	var wanted []pki.Wanted
	for _, m := range p.members {
		if m.user.Spec.Authentication.ClientCertificate == nil {
			continue
		}
		pair, err := readPair(k.state.userPath(m.user, "tls.crt"), k.state.userPath(m.user, "tls.key"))
		if err != nil {
			return nil, err
		}
		forced, err := readOptional(k.state.userPath(m.user, "renewed-for"))
		if err != nil {
			return nil, err
		}
		c := certificateOf(p.broker, m.user)
		w := pki.Wanted{
			ID: folderName(m.user), Object: m.user.Namespace + "/" + m.user.Name,
			Username: c.Username, Field: c.Field, Duration: c.Duration, Forced: string(forced),
		}
		w.Leaf, _ = pki.Leaf(pair.CertPEM) // one that is spoiled is issued anew
		wanted = append(wanted, w)
	}
	return wanted, nil
}

// issue sees to the certificate of one member.
func (k keeper) issue(p *plan, m *member, ledger pki.Ledger, now time.Time) error {
	u := m.user
	certFile, keyFile := k.state.userPath(u, "tls.crt"), k.state.userPath(u, "tls.key")
	if u.Spec.Authentication.ClientCertificate == nil {
		return errors.Join(removeFile(certFile), removeFile(keyFile))
	}
	m.certFile, m.keyFile = certFile, keyFile
	pair, err := readPair(certFile, keyFile)
	if err != nil {
		return err
	}
	id, want := folderName(u), certificateOf(p.broker, u)
	leaf, _ := pki.Leaf(pair.CertPEM)
	forced, err := readOptional(k.state.userPath(u, "renewed-for"))
	if err != nil {
		return err
	}
	force := u.Annotations[v1alpha1.AnnotationForceRenew]
	if want.NeedsUser(pair, p.certs.ca, now) == "" && ledger.Good(id, leaf) && string(forced) == force {
		p.certs.wakeAt(want.RenewAt(leaf))
		return nil
	}
	var ok bool
	if want.Serial, ok = ledger.May(id, want.Username, want.Duration, leaf); !ok {
		return nil // it comes when the ledger has noted the one of before
	}
	if pair, err = pki.IssueUser(p.certs.ca, want, now); err != nil {
		note := fmt.Sprintf("User %s/%s has no client certificate: %s", u.Namespace, u.Name, err)
		if !slices.Contains(p.notes, note) {
			p.notes = append(p.notes, note)
		}
		return nil
	}
	if err := writePair(certFile, keyFile, pair); err != nil {
		return err
	}
	if force == string(forced) {
		return nil
	}
	return writeIfNew(k.state.userPath(u, "renewed-for"), []byte(force))
}

// writeTrust writes what the broker verifies client certificates by.
func (k keeper) writeTrust(p *plan, ledger pki.Ledger, now time.Time) error {
	kept, err := readOptional(p.certs.crl)
	if err != nil {
		return err
	}
	lists, renew, err := pki.RevocationLists(kept, []pki.Pair{p.certs.ca}, ledger.Revoked, now)
	if err != nil {
		return err
	}
	p.certs.wakeAt(renew)
	if err := writeIfNew(p.certs.clientCA, onlyCertificates(p.certs.ca.CertPEM)); err != nil {
		return err
	}
	return writeIfNew(p.certs.crl, lists)
}

// onlyCertificates is data without what else somebody may have put into a CA's file.
func onlyCertificates(data []byte) []byte {
	var out []byte
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			out = append(out, pem.EncodeToMemory(block)...)
		}
	}
	return out
}

func certificateOf(b *v1alpha1.Broker, u *v1alpha1.User) pki.UserCertificate {
	spec := u.Spec.Authentication.ClientCertificate
	c := pki.UserCertificate{
		Username: render.Username(u), Field: render.UsernameField(b),
		Duration: time.Duration(spec.DurationSeconds) * time.Second, RenewBefore: time.Duration(spec.RenewBeforeSeconds) * time.Second,
	}
	if c.Duration == 0 {
		c.Duration = defaultUserDuration
	}
	return c
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
