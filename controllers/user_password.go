package controllers

import (
	"context"
	"crypto/rand"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// annotationSource says where the password in a connection Secret came from, so that a User who
// changes from a password of their own to a generated one gets a new one.
const annotationSource = "mqtt.dunlin.dev/password-source"

// The sources of a password.
const (
	sourceGenerate  = "generate"
	sourceSecretRef = "secretRef"
	sourceHash      = "passwordHash"
)

// credentials are what the connection Secret shall hold; password is nil where only its hash is known.
type credentials struct {
	password []byte
	hash     string
	source   string
}

// credentials decides the password and its hash. existing is the connection Secret; nil if there is
// none. A hash is kept for as long as it fits the password, so that nothing changes by itself.
func (r *UserReconciler) credentials(ctx context.Context, u *v1alpha1.User, existing *corev1.Secret) (credentials, error) {
	var data map[string][]byte
	var source string
	if existing != nil {
		data, source = existing.Data, existing.Annotations[annotationSource]
	}
	spec := u.Spec.Authentication.Password
	switch {
	case spec.PasswordHash != "":
		if err := password.Check(spec.PasswordHash); err != nil {
			return credentials{}, &faultError{v1alpha1.ReasonInvalidPasswordHash,
				fmt.Sprintf("spec.authentication.password.passwordHash: %s", err)}
		}
		return credentials{hash: spec.PasswordHash, source: sourceHash}, nil
	case spec.SecretRef != nil:
		plain, err := r.referenced(ctx, u.Namespace, *spec.SecretRef)
		if err != nil {
			return credentials{}, err
		}
		hash, err := render.PasswordHash(string(data[keyPasswordHash]), plain, false, rand.Reader)
		return credentials{plain, hash, sourceSecretRef}, err
	}
	// A password that was edited by hand is the user's, and hashed as such.
	plain, generated := data[keyPassword], false
	if len(plain) == 0 || source == sourceSecretRef || source == sourceHash {
		length, _ := render.Generated(u)
		made, err := render.GeneratePassword(length, rand.Reader)
		if err != nil {
			return credentials{}, err
		}
		plain, generated = []byte(made), true
	}
	hash, err := render.PasswordHash(string(data[keyPasswordHash]), plain, generated, rand.Reader)
	return credentials{plain, hash, sourceGenerate}, err
}

// referenced is the password in a Secret of the user's.
func (r *UserReconciler) referenced(ctx context.Context, namespace string, ref v1alpha1.SecretKeyRef) ([]byte, error) {
	key := ref.Key
	if key == "" {
		key = keyPassword
	}
	secret, err := r.userSecret(ctx, namespace, ref.Name)
	if err != nil {
		return nil, err
	}
	if secret == nil {
		return nil, &faultError{v1alpha1.ReasonSecretNotFound, fmt.Sprintf(
			"Secret %s/%s, whose key %s is to be the password, does not exist", namespace, ref.Name, key)}
	}
	plain, ok := secret.Data[key]
	if !ok {
		return nil, &faultError{v1alpha1.ReasonSecretNotFound, fmt.Sprintf(
			"Secret %s/%s has no key %s, which is to be the password", namespace, ref.Name, key)}
	}
	if len(plain) == 0 || len(plain) > maxPasswordBytes {
		return nil, &faultError{v1alpha1.ReasonInvalidSecret, fmt.Sprintf(
			"Secret %s/%s: key %s has %d bytes; a password has 1 to %d", namespace, ref.Name, key, len(plain), maxPasswordBytes)}
	}
	return plain, nil
}

// maxPasswordBytes is what an MQTT CONNECT can carry. MQTT 5 §3.1.3.6.
const maxPasswordBytes = 65535
