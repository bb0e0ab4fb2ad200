package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// readMore reads the certificates beside the one of all listeners. Of one that cannot be served, what was mounted last stays; if
// there was none, the listeners do without it, and CertificatesReady says so.
func (r *BrokerReconciler) readMore(ctx context.Context, s *brokerScope) error {
	names := children.MoreSecrets(s.broker)
	if len(names) == 0 {
		return nil
	}
	mounted, err := r.secret(ctx, s.broker.Namespace, children.ServerTLSName(s.broker))
	if err != nil {
		return err
	}
	s.certs.more = make(map[string]children.Pair, len(names))
	for _, name := range names {
		secret, err := r.userSecret(ctx, s.broker.Namespace, name)
		if err != nil {
			return err
		}
		if fault := s.readOne(name, secret); fault != nil {
			if s.certs.moreFault == nil {
				s.certs.moreFault = fault
			}
			if last := mountedMore(mounted, name); len(last.CertPEM) > 0 {
				s.certs.more[name] = last
			}
		}
	}
	return nil
}

// readOne takes the certificate of one Secret, which may be nil, or says what is wrong with it.
func (s *brokerScope) readOne(name string, secret *corev1.Secret) *outcome {
	if secret == nil {
		return new(no(v1alpha1.ReasonSecretNotFound, fmt.Sprintf("Secret %s/%s, which is to have a certificate of listeners, does not exist", s.broker.Namespace, name)))
	}
	cert, err := checkSecret(secret, s.now)
	if err != nil {
		return new(no(v1alpha1.ReasonInvalidCertificate, fmt.Sprintf("Secret %s/%s: %s", s.broker.Namespace, name, err)))
	}
	s.certs.wakeAt(cert.NotAfter)
	s.noteExpiry("certificate of Secret "+name, cert)
	s.certs.more[name] = children.Pair(pairOf(secret))
	return nil
}

// keepMore leaves of the certificates those that are mounted, because nothing else is going to be.
func (s *brokerScope) keepMore(mounted *corev1.Secret) {
	for name := range s.certs.more {
		if len(mountedMore(mounted, name).CertPEM) == 0 {
			delete(s.certs.more, name)
		}
	}
}

// mountedMore is what the pods have of a Secret's certificate; empty: nothing.
func mountedMore(mounted *corev1.Secret, name string) children.Pair {
	if mounted == nil {
		return children.Pair{}
	}
	cert, key := children.MoreKeys(name)
	return children.Pair{CertPEM: mounted.Data[cert], KeyPEM: mounted.Data[key]}
}
