package controllers

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// issuerRetry is how often a Certificate that has not been issued yet is looked at for what its issuer says; the Secret that is
// waited for is watched.
const issuerRetry = 15 * time.Second

const noCertManager = "The cluster has no Certificate (cert-manager.io/v1): install cert-manager, or take spec.tls.issuerRef away"

// reconcileIssuedPair asks cert-manager for the server certificate, and serves what it has issued.
func (r *BrokerReconciler) reconcileIssuedPair(ctx context.Context, s *brokerScope) error {
	b, kind := s.broker, children.CertificateKind
	version, err := r.kinds.version(r.RESTMapper(), kind.GroupKind(), s.now, kind.Version)
	if err != nil {
		return err
	}
	if version != "" {
		err = r.apply(ctx, b, children.Certificate(b, serverDuration(b)))
	}
	if version == "" || noSuch(err) {
		s.certs.ready = no(v1alpha1.ReasonNoCertManager, noCertManager)
		s.wake(kindRetry)
		return r.keepMounted(ctx, s)
	}
	if err != nil {
		return err
	}
	b.Status.CertificateName = children.CertificateName(b)
	secret, err := r.userSecret(ctx, b.Namespace, children.IssuedTLSName(b))
	if err != nil {
		return err
	}
	ref := b.Spec.TLS.IssuerRef
	if secret != nil && len(pairOf(secret).CertPEM) > 0 {
		return r.servePair(ctx, s, secret, fmt.Sprintf("Issued by %s %s, through cert-manager", ref.Kind, ref.Name))
	}
	why, err := r.issuerSays(ctx, b)
	if err != nil {
		return err
	}
	s.certs.ready = no(v1alpha1.ReasonWaitingForIssuer, fmt.Sprintf("Certificate %s/%s is not issued yet by %s %s: %s",
		b.Namespace, b.Status.CertificateName, ref.Kind, ref.Name, why))
	s.wake(issuerRetry)
	return r.keepMounted(ctx, s)
}

// issuerSays is why the Certificate is not ready, in cert-manager's words.
func (r *BrokerReconciler) issuerSays(ctx context.Context, b *v1alpha1.Broker) (string, error) {
	u, err := r.foreign(ctx, children.CertificateKind, client.ObjectKey{Namespace: b.Namespace, Name: children.CertificateName(b)})
	if err != nil {
		return "", err
	}
	var conditions []any
	if u != nil {
		conditions, _, _ = unstructured.NestedSlice(u.Object, "status", "conditions")
	}
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Ready" && c["message"] != nil {
			return fmt.Sprint(c["message"]), nil
		}
	}
	return "cert-manager has not looked at it", nil
}

// removeCertificate deletes the Certificate of a Broker that has no issuer any more. The Secret of it is cert-manager's.
func (r *BrokerReconciler) removeCertificate(ctx context.Context, s *brokerScope) error {
	b := s.broker
	if b.Spec.TLS.IssuerRef != nil || b.Status.CertificateName == "" {
		return nil
	}
	err := r.removeForeign(ctx, b, children.CertificateKind, client.ObjectKey{Namespace: b.Namespace, Name: b.Status.CertificateName})
	if err == nil {
		b.Status.CertificateName = ""
	}
	return err
}
