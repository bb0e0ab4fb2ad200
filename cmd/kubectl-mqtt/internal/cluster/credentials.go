package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// Credentials are those of a User of the Broker, which is called name or namespace/name: what is in the User's connection
// Secret, and the password in the Secret that the User names. Where only a hash is known the error says so.
func (c *Cluster) Credentials(ctx context.Context, b *v1alpha1.Broker, user string) (found mqtt.Credentials, err error) {
	u, err := c.user(ctx, b, user)
	if err != nil {
		return found, err
	}
	found.Username = render.Username(u)
	if u.Status.SecretName != "" {
		s, err := c.Secret(ctx, u.Namespace, u.Status.SecretName)
		if err != nil {
			return found, err
		}
		found.Password = s.Data[corev1.BasicAuthPasswordKey]
		if len(s.Data[corev1.TLSCertKey]) > 0 {
			pair, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey])
			if err != nil {
				return found, fmt.Errorf("use the certificate in Secret %s/%s: %w", u.Namespace, u.Status.SecretName, err)
			}
			found.Certificate = &pair
		}
	}
	if ref := u.Spec.Authentication.Password.SecretRef; ref != nil {
		if found.Password, err = c.password(ctx, u.Namespace, ref); err != nil {
			return found, err
		}
	}
	switch {
	case len(found.Password) > 0 || found.Certificate != nil:
		return found, nil
	case u.Spec.Authentication.Password.PasswordHash != "":
		return found, fmt.Errorf("of the password of User %s/%s the cluster knows only a hash: give it with --username %s --password-file FILE",
			u.Namespace, u.Name, found.Username)
	}
	return found, fmt.Errorf("the User %s/%s has no password yet: kubectl describe says what it waits for", u.Namespace, u.Name)
}

// user reads a User, which must be of b.
func (c *Cluster) user(ctx context.Context, b *v1alpha1.Broker, user string) (*v1alpha1.User, error) {
	namespace, name, ok := strings.Cut(user, "/")
	if !ok {
		namespace, name = b.Namespace, user
	}
	var u v1alpha1.User
	err := c.ours.Get().Namespace(namespace).Resource("users").Name(name).Do(ctx).Into(&u)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no User %s in namespace %s: kubectl get users.mqtt.dunlin.dev -A lists all", name, namespace)
	case err != nil:
		return nil, fmt.Errorf("read User %s/%s: %w", namespace, name, err)
	case !refers(u.Spec.BrokerRef, u.Namespace, b):
		return nil, fmt.Errorf("the User %s/%s is of another Broker, %s", namespace, name, u.Spec.BrokerRef.Name)
	}
	return &u, nil
}

// password is the one that a User names.
func (c *Cluster) password(ctx context.Context, namespace string, ref *v1alpha1.SecretKeyRef) ([]byte, error) {
	key := ref.Key
	if key == "" {
		key = corev1.BasicAuthPasswordKey
	}
	s, err := c.Secret(ctx, namespace, ref.Name)
	if err != nil {
		return nil, err
	}
	if len(s.Data[key]) == 0 {
		return nil, fmt.Errorf("the Secret %s/%s has no password at %s", namespace, ref.Name, key)
	}
	return s.Data[key], nil
}

// Roots are the CAs by which the listeners' certificate is verified: the Broker's own, or the system's.
func (c *Cluster) Roots(ctx context.Context, b *v1alpha1.Broker) (*x509.CertPool, error) {
	if b.Status.CASecretName == "" {
		return x509.SystemCertPool()
	}
	s, err := c.Secret(ctx, b.Namespace, b.Status.CASecretName)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.Data[children.KeyCA]) {
		return nil, fmt.Errorf("the Secret %s/%s has no certificate at %s", b.Namespace, b.Status.CASecretName, children.KeyCA)
	}
	return roots, nil
}
