package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// secret reads one of the operator's own Secrets; nil if it does not exist. What the cache lacks is
// looked up live, because the caller is about to make a new password or key in its place.
func (a applier) secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	s := &corev1.Secret{}
	key := client.ObjectKey{Namespace: namespace, Name: name}
	err := a.Get(ctx, key, s)
	if apierrors.IsNotFound(err) {
		err = a.live.Get(ctx, key, s)
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get Secret %s: %w", key, err)
	}
	return s, nil
}

// peek is a Secret as the cache has it, which is not to be changed; nil if it has none.
func (a applier) peek(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	s := &corev1.Secret{}
	key := client.ObjectKey{Namespace: namespace, Name: name}
	err := a.Get(ctx, key, s, client.UnsafeDisableDeepCopy)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get Secret %s: %w", key, err)
	}
	return s, nil
}

// userSecret reads a Secret that a user made, past the cache; nil if it does not exist.
func (a applier) userSecret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	s := &corev1.Secret{}
	key := client.ObjectKey{Namespace: namespace, Name: name}
	err := a.live.Get(ctx, key, s)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get Secret %s: %w", key, err)
	}
	return s, nil
}

// pairOf is the certificate and key in a Secret; empty for no Secret.
func pairOf(s *corev1.Secret) pki.Pair {
	if s == nil {
		return pki.Pair{}
	}
	return pki.Pair{CertPEM: s.Data[corev1.TLSCertKey], KeyPEM: s.Data[corev1.TLSPrivateKeyKey]}
}
