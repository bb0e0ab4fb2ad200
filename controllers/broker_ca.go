package controllers

import (
	"context"
	"crypto/x509"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// defaultCAOverlap is the CRD's default.
const defaultCAOverlap = 24 * time.Hour

// Annotations of the Secret with the own CA: how far its rotation is.
const (
	annotationCASince = "mqtt.dunlin.dev/ca-since"
	annotationCAAsked = "mqtt.dunlin.dev/ca-rotated-for"
)

// reconcileCA keeps the own CA, and rotates it in time or when asked. One that is broken is not replaced, because
// every client trusts it: deleting the Secret says that a new one is wanted.
func (r *BrokerReconciler) reconcileCA(ctx context.Context, s *brokerScope) error {
	b := s.broker
	secret, err := r.secret(ctx, b.Namespace, children.CAKeyName(b))
	if err != nil {
		return err
	}
	authority, did, err := authorityOf(secret).Step(
		b.Name+"."+b.Namespace, b.Annotations[v1alpha1.AnnotationRotateCA], caOverlap(b), s.now)
	if err != nil && secret != nil {
		return s.badPair(children.CAKeyName(b), fmt.Errorf("%w: restore it, or delete the Secret to get a new CA", err))
	}
	if err != nil {
		return err
	}
	if did != "" {
		log.FromContext(ctx).Info("rotating the CA", "step", did)
	}
	desired := children.CAKey(b, children.Pair(authority.Current), children.Pair(authority.Next), children.Pair(authority.Previous))
	annotations := map[string]string{}
	if !authority.Since.IsZero() {
		annotations[annotationCASince] = authority.Since.UTC().Format(time.RFC3339)
	}
	if authority.Asked != "" {
		annotations[annotationCAAsked] = authority.Asked
	}
	desired.WithAnnotations(annotations)
	if secret != nil { // a step that another pass has made is not to be undone
		desired.WithResourceVersion(secret.ResourceVersion)
	}
	if err := r.apply(ctx, b, desired); err != nil {
		return err
	}
	s.authority = authority
	s.certs.wakeAt(authority.StepAt(caOverlap(b)))
	if cert, err := pki.Leaf(authority.Current.CertPEM); err == nil {
		s.certs.caNotAfter = cert.NotAfter
		s.noteExpiry("CA", cert)
	}
	return nil
}

// authorityOf is the CA in a Secret; empty for no Secret.
func authorityOf(s *corev1.Secret) pki.Authority {
	if s == nil {
		return pki.Authority{}
	}
	pair := func(name string) pki.Pair {
		return pki.Pair{CertPEM: s.Data[name+".crt"], KeyPEM: s.Data[name+".key"]}
	}
	a := pki.Authority{Current: pair("tls"), Next: pair("next"), Previous: pair("previous"), Asked: s.Annotations[annotationCAAsked]}
	a.Since, _ = time.Parse(time.RFC3339, s.Annotations[annotationCASince]) // one that is spoiled begins again
	if len(a.Current.CertPEM)+len(a.Current.KeyPEM) == 0 {
		a.Current = pki.Pair{CertPEM: []byte(" ")} // emptied by hand, which is no wish for a new one
	}
	if a.Since.IsZero() && (len(a.Next.CertPEM) > 0 || len(a.Previous.CertPEM) > 0) {
		a.Since = time.Unix(0, 0) // a step that nobody knows the begin of is over
	}
	return a
}

func caOverlap(b *v1alpha1.Broker) time.Duration {
	if s := b.Spec.TLS.CAOverlapSeconds; s > 0 {
		return time.Duration(s) * time.Second
	}
	return defaultCAOverlap
}

// noteExpiry notes a certificate that should have been renewed by now.
func (s *brokerScope) noteExpiry(what string, cert *x509.Certificate) {
	if pki.Expiring(cert, s.now) && s.certs.expiring == "" {
		s.certs.expiring = fmt.Sprintf("The %s expires at %s", what, cert.NotAfter.Format(time.RFC3339))
	}
}

// writeCAStatus says how the CA is, and which certificate is near its end.
func (s *brokerScope) writeCAStatus() {
	b, conditions := s.broker, &s.broker.Status.Conditions
	if len(s.authority.Current.CertPEM) == 0 {
		return // its fault is told, and nothing else is known
	}
	b.Status.CANotAfter = timeOf(s.certs.caNotAfter)
	rotating := s.authority.Rotating(caOverlap(b))
	setAbnormal(conditions, v1alpha1.ConditionCARotating, b.Generation, rotating != "", no(v1alpha1.ReasonProgressing, rotating))
	if s.certs.ready.status == "" {
		return
	}
	setAbnormal(conditions, v1alpha1.ConditionCertificateExpiring, b.Generation, s.certs.expiring != "",
		no(v1alpha1.ReasonExpiring, s.certs.expiring))
}
