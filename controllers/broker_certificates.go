package controllers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

const (
	// adminDuration is how long the admin API's certificate is valid.
	adminDuration = 90 * 24 * time.Hour
	// operatorDuration is how long the operator's client certificate is valid: as long as the CA,
	// because brokers trust its key by a pin in their configuration.
	operatorDuration = 10 * 365 * 24 * time.Hour
	// defaultServerDuration is the CRD's default.
	defaultServerDuration = 90 * 24 * time.Hour
)

// reconcileCertificates keeps the own CA, the pairs of the admin API, and the server pair that the
// pods mount. The pods mount a Secret of the operator's, never the user's: what is in it has been
// checked, so that a broken pair never reaches a broker, not even one that restarts.
func (r *BrokerReconciler) reconcileCertificates(ctx context.Context, s *brokerScope) error {
	if err := r.reconcileCA(ctx, s); err != nil {
		return err
	}
	if err := r.reconcileAdminPairs(ctx, s); err != nil {
		return err
	}
	if err := r.readMore(ctx, s); err != nil {
		return err
	}
	server := r.reconcileOwnPair
	switch {
	case s.broker.Spec.TLS.SecretName != "":
		server = r.reconcileUserPair
	case s.broker.Spec.TLS.IssuerRef != nil:
		server = r.reconcileIssuedPair
	}
	if err := server(ctx, s); err != nil {
		return err
	}
	if err := r.removeCertificate(ctx, s); err != nil {
		return err
	}
	return r.checkClientTrust(ctx, s)
}

// reconcileAdminPairs keeps both ends of the operator's connection to the admin API.
func (r *BrokerReconciler) reconcileAdminPairs(ctx context.Context, s *brokerScope) error {
	b, names := s.broker, children.AdminDNSNames()
	admin, err := r.issued(ctx, s, children.AdminTLSName(b), names, adminDuration, func(pki.Pair) (pki.Pair, error) {
		return pki.IssueServer(s.authority.Current, names, nil, adminDuration, s.now)
	})
	if err != nil {
		return err
	}
	tokens, err := r.reconcileAdminTokens(ctx, s)
	if err != nil {
		return err
	}
	if err := r.apply(ctx, b, children.AdminTLS(b, children.Pair(admin), s.authority.Bundle(), tokens)); err != nil {
		return err
	}
	operator, err := r.issued(ctx, s, children.OperatorTLSName(b), nil, operatorDuration, func(old pki.Pair) (pki.Pair, error) {
		return pki.ReissueClient(s.authority.Current, old, FieldOwner, operatorDuration, s.now)
	})
	if err != nil {
		return err
	}
	if err := r.apply(ctx, b, children.OperatorTLS(b, children.Pair(operator), s.authority.Bundle())); err != nil {
		return err
	}
	if s.keyPin, err = pki.KeyPin(operator.CertPEM); err != nil {
		return fmt.Errorf("pin the operator's key: %w", err)
	}
	s.adminClient, err = adminClient(operator, s.authority.Bundle())
	return err
}

// adminClient is the TLS side of a call to the admin API.
func adminClient(operator pki.Pair, caPEM []byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(operator.CertPEM, operator.KeyPEM)
	if err != nil {
		return nil, fmt.Errorf("read the operator's pair: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(caPEM) {
		return nil, fmt.Errorf("read the CA: no certificate in it")
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: roots,
		ServerName: children.AdminServerName, MinVersion: tls.VersionTLS13,
	}, nil
}

// issued is the pair in the named Secret, or, if that has to go, a new one.
func (r *BrokerReconciler) issued(
	ctx context.Context, s *brokerScope, name string, dnsNames []string, duration time.Duration, issue func(old pki.Pair) (pki.Pair, error),
) (pki.Pair, error) {
	secret, err := r.secret(ctx, s.broker.Namespace, name)
	if err != nil {
		return pki.Pair{}, err
	}
	pair := pairOf(secret)
	why := pki.NeedsIssue(pair, s.authority.Current, dnsNames, duration, s.now)
	if why != "" && secret != nil {
		// The cache may not have what the last pass has issued.
		if secret, err = r.userSecret(ctx, s.broker.Namespace, name); err != nil {
			return pki.Pair{}, err
		}
		pair = pairOf(secret)
		why = pki.NeedsIssue(pair, s.authority.Current, dnsNames, duration, s.now)
	}
	if why != "" {
		log.FromContext(ctx).Info("issuing a certificate", "secret", name, "reason", why)
		if pair, err = issue(pair); err != nil {
			return pki.Pair{}, fmt.Errorf("issue the pair of Secret %s/%s: %w", s.broker.Namespace, name, err)
		}
	}
	cert, err := pki.CheckPair(pair, nil, nil, s.now)
	if err != nil {
		return pki.Pair{}, fmt.Errorf("check the pair of Secret %s/%s: %w", s.broker.Namespace, name, err)
	}
	s.certs.wakeAt(pki.RenewAt(cert))
	return pair, nil
}

// reconcileOwnPair serves a certificate of the own CA.
func (r *BrokerReconciler) reconcileOwnPair(ctx context.Context, s *brokerScope) error {
	b, names := s.broker, children.ServerDNSNames(s.broker)
	duration := serverDuration(b)
	pair, err := r.issued(ctx, s, children.ServerTLSName(b), names, duration, func(pki.Pair) (pki.Pair, error) {
		return pki.IssueServer(s.authority.Current, names, nil, duration, s.now)
	})
	if err != nil {
		return err
	}
	return r.mountPair(ctx, s, pair, s.authority.Bundle(), "Issued by the Broker's own CA")
}

// serverDuration is how long an issued server certificate is valid.
func serverDuration(b *v1alpha1.Broker) time.Duration {
	if seconds := b.Spec.TLS.DurationSeconds; seconds != 0 {
		return time.Duration(seconds) * time.Second
	}
	return defaultServerDuration
}

// reconcileUserPair serves the user's certificate, if it is good; else what was mounted stays.
func (r *BrokerReconciler) reconcileUserPair(ctx context.Context, s *brokerScope) error {
	b, name := s.broker, s.broker.Spec.TLS.SecretName
	secret, err := r.userSecret(ctx, b.Namespace, name)
	if err != nil {
		return err
	}
	if secret == nil {
		s.certs.ready = no(v1alpha1.ReasonSecretNotFound, fmt.Sprintf(
			"Secret %s/%s, named by spec.tls.secretName, does not exist", b.Namespace, name))
		return r.keepMounted(ctx, s)
	}
	return r.servePair(ctx, s, secret, fmt.Sprintf("Taken from Secret %s/%s", b.Namespace, name))
}

// servePair serves the certificate in a Secret that the operator has not made, if it is good; else what was mounted stays.
func (r *BrokerReconciler) servePair(ctx context.Context, s *brokerScope, secret *corev1.Secret, message string) error {
	cert, err := checkSecret(secret, s.now)
	if err != nil {
		_ = s.badPair(secret.Name, err)
		return r.keepMounted(ctx, s)
	}
	s.certs.wakeAt(cert.NotAfter)
	return r.mountPair(ctx, s, pairOf(secret), secret.Data[children.KeyCA], message)
}

// checkSecret says what is wrong with the certificate in a Secret; nil: it can be served.
func checkSecret(secret *corev1.Secret, now time.Time) (*x509.Certificate, error) {
	for _, key := range []string{corev1.TLSCertKey, corev1.TLSPrivateKeyKey} {
		if len(secret.Data[key]) == 0 {
			return nil, fmt.Errorf("it has no %s", key)
		}
	}
	caPEM := secret.Data[children.KeyCA]
	if len(caPEM) == 0 {
		caPEM = nil
	}
	return pki.CheckPair(pairOf(secret), caPEM, nil, now)
}

// badPair notes, and returns, that the pair in the named Secret can't be used.
func (s *brokerScope) badPair(name string, err error) *faultError {
	fault := &faultError{v1alpha1.ReasonInvalidCertificate, fmt.Sprintf("Secret %s/%s: %s", s.broker.Namespace, name, err)}
	s.certs.ready = no(fault.reason, fault.message)
	return fault
}

// mountPair gives a checked pair to the pods, which load it without a restart, and its CA to clients.
func (r *BrokerReconciler) mountPair(ctx context.Context, s *brokerScope, pair pki.Pair, caPEM []byte, message string) error {
	b := s.broker
	cert, err := pki.CheckPair(pair, nil, nil, s.now)
	if err != nil {
		return fmt.Errorf("check the server pair: %w", err)
	}
	if len(caPEM) > 0 {
		err = r.apply(ctx, b, children.CA(b, caPEM))
		s.certs.caSecret = children.CAName(b)
	} else {
		s.certs.caSecret = ""
		err = r.remove(ctx, b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: children.CAName(b), Namespace: b.Namespace}})
	}
	if err != nil {
		return err
	}
	if err := r.apply(ctx, b, children.ServerTLS(b, children.Pair(pair), caPEM, s.certs.more)); err != nil {
		return err
	}
	s.certs.ready = yes(v1alpha1.ReasonAsExpected, message)
	if s.certs.moreFault != nil {
		s.certs.ready = *s.certs.moreFault
	}
	s.certs.mounted, s.certs.notAfter = true, cert.NotAfter
	s.noteExpiry("server certificate", cert)
	return nil
}

// keepMounted leaves the pods and the clients what they have.
func (r *BrokerReconciler) keepMounted(ctx context.Context, s *brokerScope) error {
	secret, err := r.secret(ctx, s.broker.Namespace, children.ServerTLSName(s.broker))
	s.certs.mounted = secret != nil
	s.keepMore(secret)
	return err
}
