package controllers

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// Keys of the connection Secret.
const (
	keyUsername     = corev1.BasicAuthUsernameKey
	keyPassword     = corev1.BasicAuthPasswordKey
	keyPasswordHash = "passwordHash"
	keyScramKeys    = "scramKeys"        // a line for each mechanism
	keyRotation     = "passwordRotation" // a render.Rotation
	keyHost         = "host"
	keyPort         = "port"
	keyURI          = "uri"
)

// reconcileSecret keeps the connection Secret: how to reach the Broker, and the credentials.
func (r *UserReconciler) reconcileSecret(ctx context.Context, s *userScope) error {
	u, b := s.user, s.broker
	if meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionCertificatesReady) == nil {
		s.fail(no(v1alpha1.ReasonWaitingForBroker, fmt.Sprintf("Broker %s has no address and certificate yet", keyOf(b))))
		return nil
	}
	existing, err := r.secret(ctx, u.Namespace, connectionSecretName(u))
	if err != nil {
		return err
	}
	if existing != nil {
		// Nothing is read from a Secret that isn't the User's: its password is somebody else's.
		if err := mayTouch(u, existing, "Secret", u.Spec.BrokerRef.Name); err != nil {
			return err
		}
	}
	creds, err := r.credentials(ctx, u, existing)
	if err != nil {
		return err
	}
	if err := r.reconcileCertificate(ctx, s, existing); err != nil {
		return err
	}
	data, err := r.address(ctx, b)
	if err != nil {
		return err
	}
	data[keyUsername] = []byte(render.Username(u))
	if creds.hash != "" {
		data[keyPasswordHash] = []byte(creds.hash)
	}
	if pair := s.certificate.pair; len(pair.CertPEM) > 0 {
		data[corev1.TLSCertKey], data[corev1.TLSPrivateKeyKey] = pair.CertPEM, pair.KeyPEM
	}
	if creds.password != nil {
		data[keyPassword] = creds.password
	}
	if rotation := creds.rotation.Encode(); rotation != nil {
		data[keyRotation] = rotation
	}
	s.rotation = creds.rotation
	if len(creds.scram) > 0 {
		data[keyScramKeys] = []byte(strings.Join(creds.scram, "\n") + "\n")
	}
	s.account = render.Account{
		Username: render.Username(u), PasswordHash: creds.hash, ScramKeys: creds.scram, Groups: u.Spec.Groups, Labels: u.Labels, Limits: u.Spec.Limits,
		Certified: u.Spec.Authentication.Password.Disabled, Previous: creds.rotation.Previous,
	}
	if err := checkAccount(s.account); err != nil {
		return &faultError{v1alpha1.ReasonInvalidPasswordHash, err.Error()}
	}
	u.Status.SecretName = connectionSecretName(u)
	labels, annotations := templateOf(u)
	desired := coreac.Secret(connectionSecretName(u), u.Namespace).
		WithLabels(labels).WithLabels(labelsOf(u)).
		WithAnnotations(annotations).
		WithAnnotations(map[string]string{annotationSource: creds.source}).
		WithAnnotations(s.certificate.annotations()).
		WithType(corev1.SecretTypeBasicAuth).
		WithData(data)
	if existing != nil { // a password that was edited in the meantime is not to be overwritten
		desired.WithResourceVersion(existing.ResourceVersion)
	}
	return r.apply(ctx, u, desired)
}

// templateOf are the labels and annotations that the User wants on its connection Secret.
func templateOf(u *v1alpha1.User) (labels, annotations map[string]string) {
	if t := u.Spec.SecretTemplate; t != nil {
		return t.Labels, t.Annotations
	}
	return nil, nil
}

// address is how a workload in the cluster connects: host, port, uri and the CA to trust. TLS is
// preferred where the Broker has both.
func (r *UserReconciler) address(ctx context.Context, b *v1alpha1.Broker) (map[string][]byte, error) {
	data := map[string][]byte{}
	listener := children.PreferredListener(b)
	host, port := children.Address(b, listener)
	data[keyHost], data[keyPort] = []byte(host), []byte(strconv.Itoa(int(port)))
	data[keyURI] = []byte(children.URI(b, listener))
	if b.Status.CASecretName == "" {
		return data, nil
	}
	ca := &corev1.Secret{}
	key := client.ObjectKey{Namespace: b.Namespace, Name: b.Status.CASecretName}
	if err := r.Get(ctx, key, ca); err != nil {
		return nil, fmt.Errorf("get CA Secret %s: %w", key, err)
	}
	data[children.KeyCA] = ca.Data[children.KeyCA]
	return data, nil
}
