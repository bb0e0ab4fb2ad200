package local

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// defaultDuration is a server certificate's for a Broker that says none.
const defaultDuration = 90 * 24 * time.Hour

// certificates are the files of the MQTTS listeners.
type certificates struct {
	caFile            string // what clients must trust; empty: the system's CAs
	certFile, keyFile string
	clientCA, crl     string    // files of what clients' certificates are verified by; empty: none
	renewAt           time.Time // zero: somebody else renews
	ca                pki.Pair  // the own one; empty: there is none yet
}

// wakeAt notes that something is due at t.
func (c *certificates) wakeAt(t time.Time) {
	if c.renewAt.IsZero() || t.Before(c.renewAt) {
		c.renewAt = t
	}
}

// certificates makes what is missing or due. A pair from a Secret of the user's own is taken as it is.
func (s *State) certificates(b *v1alpha1.Broker, own *corev1.Secret, listenHost string, now time.Time) (certificates, error) {
	c := certificates{certFile: s.path("tls.crt"), keyFile: s.path("tls.key")}
	if own != nil {
		return c, s.adopt(&c, own, now)
	}
	ca, err := s.ca(b, now)
	if err != nil {
		return c, err
	}
	c.caFile, c.ca = s.path("ca.crt"), ca
	names, duration := serverNames(b, listenHost), time.Duration(b.Spec.TLS.DurationSeconds)*time.Second
	if duration == 0 {
		duration = defaultDuration
	}
	pair, err := readPair(c.certFile, c.keyFile)
	if err != nil {
		return c, err
	}
	if pki.NeedsIssue(pair, ca, names, duration, now) != "" {
		if pair, err = pki.IssueServer(ca, names, nil, duration, now); err != nil {
			return c, err
		}
		if err := writePair(c.certFile, c.keyFile, pair); err != nil {
			return c, err
		}
	}
	cert, err := pki.CheckPair(pair, nil, nil, now)
	if err != nil {
		return c, fmt.Errorf("check %s: %w", c.certFile, err)
	}
	c.renewAt = pki.RenewAt(cert)
	return c, nil
}

// ca is the CA of the state folder, made if there is none.
func (s *State) ca(b *v1alpha1.Broker, now time.Time) (pki.Pair, error) {
	certFile, keyFile := s.path("ca.crt"), s.path("ca.key")
	ca, err := readPair(certFile, keyFile)
	if err != nil {
		return ca, err
	}
	if len(ca.CertPEM) == 0 && len(ca.KeyPEM) == 0 {
		if ca, err = pki.NewCA(b.Name+"."+b.Namespace, now); err != nil {
			return ca, err
		}
		return ca, writePair(certFile, keyFile, ca)
	}
	if _, err := pki.CheckPair(ca, nil, nil, now); err != nil {
		return ca, fmt.Errorf("CA in %s and %s: %w: remove both for a new one, which clients must trust afresh", certFile, keyFile, err)
	}
	return ca, nil
}

// adopt serves the pair of a Secret, if it can be served.
func (s *State) adopt(c *certificates, own *corev1.Secret, now time.Time) error {
	pair := pki.Pair{CertPEM: own.Data[corev1.TLSCertKey], KeyPEM: own.Data[corev1.TLSPrivateKeyKey]}
	ca := own.Data[children.KeyCA]
	if _, err := pki.CheckPair(pair, ca, nil, now); err != nil {
		return fmt.Errorf("check Secret %s/%s: %w", own.Namespace, own.Name, err)
	}
	if len(ca) > 0 {
		c.caFile = s.path("tls-ca.crt")
		if err := writeIfNew(c.caFile, ca); err != nil {
			return err
		}
	}
	return writePair(c.certFile, c.keyFile, pair)
}

// serverNames are the Services' names, so that clients in a cluster and here check the same one, and
// what this machine is called.
func serverNames(b *v1alpha1.Broker, listenHost string) []string {
	names := append(children.ServerDNSNames(b), "localhost", "127.0.0.1", "::1")
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if ip := net.ParseIP(listenHost); listenHost != "" && (ip == nil || !ip.IsUnspecified()) {
		names = append(names, listenHost)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func readPair(certFile, keyFile string) (pki.Pair, error) {
	cert, err := readOptional(certFile)
	if err != nil {
		return pki.Pair{}, err
	}
	key, err := readOptional(keyFile)
	return pki.Pair{CertPEM: cert, KeyPEM: key}, err
}

// writePair writes what is new. Between the two writes the files do not fit, which the listener notices:
// it keeps what it has until they do.
func writePair(certFile, keyFile string, p pki.Pair) error {
	if err := writeIfNew(keyFile, p.KeyPEM); err != nil {
		return err
	}
	return writeIfNew(certFile, p.CertPEM)
}

func writeIfNew(path string, data []byte) error {
	old, err := readOptional(path)
	if err != nil || old != nil && bytes.Equal(old, data) {
		return err
	}
	return writeFile(path, data)
}

// clientCAs puts what clients' certificates are verified by into files. Without it nobody could be let in, or
// too many, so a Secret that is not there is an error.
func (s *State) clientCAs(c *certificates, b *v1alpha1.Broker, secret func(namespace, name string) *corev1.Secret) error {
	if render.OwnClientCA(b.Spec.TLS) { // certify writes them
		c.clientCA, c.crl = s.path("client-ca.crt"), s.path("client-ca.crl")
	}
	for _, f := range []struct {
		to             *string
		secret, key    string
		setting, state string
	}{
		{&c.clientCA, b.Spec.TLS.ClientCASecretName, children.KeyCA, "clientCASecretName", "client-ca.crt"},
		{&c.crl, b.Spec.TLS.ClientCRLSecretName, children.KeyCRL, "clientCRLSecretName", "client-ca.crl"},
	} {
		if f.secret == "" {
			continue
		}
		found := secret(b.Namespace, f.secret)
		if found == nil || len(found.Data[f.key]) == 0 {
			return fmt.Errorf("spec.tls.%s: there is no Secret %s/%s with a key %s among the files", f.setting, b.Namespace, f.secret, f.key)
		}
		*f.to = s.path(f.state)
		if err := writeIfNew(*f.to, found.Data[f.key]); err != nil {
			return err
		}
	}
	return nil
}
