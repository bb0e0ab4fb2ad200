package controllers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// checkClientTrust says which Secret of the user's, that the pods mount to verify client certificates by, is not there: the
// pod waits for it without a word of its own.
func (r *BrokerReconciler) checkClientTrust(ctx context.Context, s *brokerScope) error {
	t := s.broker.Spec.TLS
	for _, named := range []struct{ by, name, key string }{
		{"clientCASecretName", t.ClientCASecretName, children.KeyCA}, {"clientCRLSecretName", t.ClientCRLSecretName, children.KeyCRL},
	} {
		if named.name == "" || s.certs.ready.status != metav1.ConditionTrue {
			continue
		}
		secret, err := r.userSecret(ctx, s.broker.Namespace, named.name)
		switch {
		case err != nil:
			return err
		case secret == nil:
			s.certs.ready = no(v1alpha1.ReasonSecretNotFound, fmt.Sprintf("Secret %s/%s, named by spec.tls.%s, does not exist: a pod that starts waits for it",
				s.broker.Namespace, named.name, named.by))
		case len(secret.Data[named.key]) == 0:
			s.certs.ready = no(v1alpha1.ReasonInvalidSecret, fmt.Sprintf("Secret %s/%s, named by spec.tls.%s, has no %s: a pod that starts waits for it",
				s.broker.Namespace, named.name, named.by, named.key))
		}
	}
	return nil
}
