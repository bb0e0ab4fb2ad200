package controllers

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// certificate is what a pass found about the client certificate.
type certificate struct {
	pair pki.Pair // empty: none
	// forced is the value of the annotation that the certificate was asked for by.
	forced string
	// ready is the CertificateReady condition; zero: there is to be no certificate.
	ready           outcome
	notAfter, renew time.Time
}

// reconcileCertificate decides the client certificate in the connection Secret, of which existing is the
// present state; nil: there is none.
func (r *UserReconciler) reconcileCertificate(ctx context.Context, s *userScope, existing *corev1.Secret) error {
	u, b := s.user, s.broker
	if u.Spec.Authentication.ClientCertificate == nil || u.Spec.Suspended {
		return nil
	}
	if !render.OwnClientCA(b.Spec.TLS) {
		s.certificate.ready = no(v1alpha1.ReasonClientAuthOff, clientAuthOff(b))
		return nil
	}
	caKey, err := r.child(ctx, b, children.CAKeyName(b))
	if err != nil {
		return err
	}
	ledger, err := r.ledger(ctx, b, string(u.UID))
	if err != nil {
		return err
	}
	c := certificate{forced: u.Annotations[v1alpha1.AnnotationForceRenew]}
	had := ""
	if existing != nil {
		c.pair, had = pairOf(existing), existing.Annotations[annotationRenewed]
	}
	leaf, _ := pki.Leaf(c.pair.CertPEM)
	why := userCertificate(b, u).NeedsUser(c.pair, issuing(caKey), s.now)
	switch {
	case why != "":
	case !ledger.Good(string(u.UID), leaf):
		why = "it is none of this User's, or revoked"
	case c.forced != had:
		why = "annotation " + v1alpha1.AnnotationForceRenew
	}
	if why != "" {
		c.ready = issueCertificate(ctx, s, &c, leaf, ledger, issuing(caKey), why)
	}
	if c.ready.status == metav1.ConditionFalse {
		c.forced = had
	}
	s.certificate = c
	s.certificate.look(userCertificate(b, u))
	return nil
}

// issueCertificate makes a new pair, if the ledger lets it.
func issueCertificate(
	ctx context.Context, s *userScope, c *certificate, leaf *x509.Certificate, ledger pki.Ledger, ca pki.Pair, why string,
) outcome {
	u, want := s.user, userCertificate(s.broker, s.user)
	serial, ok := ledger.May(string(u.UID), want.Username, want.Duration, leaf)
	if !ok || len(ca.KeyPEM) == 0 {
		return no(v1alpha1.ReasonWaitingForBroker, fmt.Sprintf("Broker %s has given no serial number for a new certificate yet", keyOf(s.broker)))
	}
	want.Serial = serial
	pair, err := pki.IssueUser(ca, want, s.now)
	if err != nil {
		return no(v1alpha1.ReasonInvalidCertificate, err.Error())
	}
	log.FromContext(ctx).Info("issuing a client certificate", "serial", serial, "reason", why)
	c.pair = pair
	return outcome{}
}

// look reads from the pair when it ends, and settles what is not settled yet.
func (c *certificate) look(want pki.UserCertificate) {
	leaf, err := pki.Leaf(c.pair.CertPEM)
	if err != nil {
		c.pair = pki.Pair{}
		return
	}
	c.notAfter, c.renew = leaf.NotAfter, want.RenewAt(leaf)
	if c.ready.status == "" {
		c.ready = yes(v1alpha1.ReasonIssued, "Issued by the Broker's own CA, serial number "+leaf.SerialNumber.Text(16))
	}
}

// ledger is the shard that a User is in; empty while there is none.
func (a applier) ledger(ctx context.Context, b *v1alpha1.Broker, id string) (pki.Ledger, error) {
	secret, err := a.child(ctx, b, children.ClientLedgerName(b, render.Shard(id)))
	if err != nil || secret == nil {
		return pki.Ledger{}, err
	}
	ledger, err := pki.ParseLedger(secret.Data[children.KeyLedger])
	if err != nil {
		return pki.Ledger{}, nil //nolint:nilerr // the Broker says so
	}
	return ledger, nil
}

// issuing is the CA that signs; empty while there is none.
func issuing(caKey *corev1.Secret) pki.Pair { return pairOf(caKey) }

func clientAuthOff(b *v1alpha1.Broker) string {
	if b.Spec.TLS.ClientAuth.Asks() {
		return fmt.Sprintf("Broker %s lets in certificates of the CAs in spec.tls.clientCASecretName, and none of its own: unset that, or issue the User's there",
			keyOf(b))
	}
	return fmt.Sprintf("Broker %s does not ask for client certificates: set its spec.tls.clientAuth to Request or Require", keyOf(b))
}

// writeStatus puts what was found into the User's status.
func (c *certificate) writeStatus(u *v1alpha1.User) {
	status := &u.Status
	status.CertificateNotAfter, status.CertificateRenewal = timeOf(c.notAfter), timeOf(c.renew)
	if c.ready.status == "" {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionCertificateReady)
		return
	}
	setCondition(&status.Conditions, v1alpha1.ConditionCertificateReady, u.Generation, c.ready)
}

// annotations are those of the connection Secret.
func (c *certificate) annotations() map[string]string {
	if c.forced == "" || len(c.pair.CertPEM) == 0 {
		return nil
	}
	return map[string]string{annotationRenewed: c.forced}
}

// timeOf is t for a status; nil for zero.
func timeOf(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t}
}
