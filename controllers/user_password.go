package controllers

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

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
	sourceDisabled  = "disabled"
)

// credentials are what the connection Secret shall hold; password is nil where only its hash is known.
type credentials struct {
	password []byte
	hash     string
	scram    []string // keys of the same password
	source   string
	rotation render.Rotation
}

// credentials decides the password and its hash. existing is the connection Secret; nil if there is
// none. A hash is kept for as long as it fits the password, so that nothing changes by itself.
func (r *UserReconciler) credentials(ctx context.Context, u *v1alpha1.User, existing *corev1.Secret) (credentials, error) {
	var old render.Account
	var rotation render.Rotation
	if existing != nil {
		old.PasswordHash, old.ScramKeys = string(existing.Data[keyPasswordHash]), scramKeysIn(existing)
		rotation = render.ParseRotation(existing.Data[keyRotation])
	}
	c, generated, err := r.passwordOf(ctx, u, existing, rotation.Due(u, r.now()))
	if err != nil {
		return c, err
	}
	now := render.Account{PasswordHash: c.hash}
	c.rotation = rotation.After(u, old.Lines(), now.Lines(), r.now())
	if c.password == nil || len(u.Spec.Authentication.Password.Scram) == 0 {
		return c, nil
	}
	c.scram, err = render.ScramKeys(old.ScramKeys, old.PasswordHash == c.hash, render.ScramOf(c.rotation.Previous),
		u.Spec.Authentication.Password.Scram, c.password, generated, rand.Reader)
	if err != nil {
		return c, &faultError{v1alpha1.ReasonInvalidSecret, fmt.Sprintf("the password cannot be used with SCRAM: %s", err)}
	}
	return c, nil
}

// scramKeysIn are the SCRAM keys that a connection Secret has.
func scramKeysIn(connection *corev1.Secret) []string {
	return strings.Fields(string(connection.Data[keyScramKeys]))
}

// passwordOf decides the password and its hash, and says whether the password is a generated one. due says that such
// a one is to be made anew.
func (r *UserReconciler) passwordOf(ctx context.Context, u *v1alpha1.User, existing *corev1.Secret, due bool) (c credentials, generated bool, err error) {
	var data map[string][]byte
	var source string
	if existing != nil {
		data, source = existing.Data, existing.Annotations[annotationSource]
	}
	spec := u.Spec.Authentication.Password
	switch {
	case spec.Disabled:
		return credentials{source: sourceDisabled}, false, nil
	case spec.PasswordHash != "":
		if err := password.Check(spec.PasswordHash); err != nil {
			return credentials{}, false, &faultError{v1alpha1.ReasonInvalidPasswordHash,
				fmt.Sprintf("spec.authentication.password.passwordHash: %s", err)}
		}
		return credentials{hash: spec.PasswordHash, source: sourceHash}, false, nil
	case spec.SecretRef != nil:
		plain, err := r.referenced(ctx, u.Namespace, *spec.SecretRef)
		if err != nil {
			return credentials{}, false, err
		}
		hash, err := render.PasswordHash(string(data[keyPasswordHash]), plain, false, rand.Reader)
		return credentials{password: plain, hash: hash, source: sourceSecretRef}, false, err
	}
	// A password that was edited by hand is the user's, and hashed as such.
	plain := data[keyPassword]
	if len(plain) == 0 || due || source != "" && source != sourceGenerate {
		length, _ := render.Generated(u)
		made, err := render.GeneratePassword(length, rand.Reader)
		if err != nil {
			return credentials{}, false, err
		}
		plain, generated = []byte(made), true
	}
	hash, err := render.PasswordHash(string(data[keyPasswordHash]), plain, generated, rand.Reader)
	return credentials{password: plain, hash: hash, source: sourceGenerate}, generated, err
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
