package cluster

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// Credentials are the user name and password of a User of the Broker, which is called name or namespace/name. The password is in
// the User's connection Secret, or in the Secret that the User names; where only a hash is known the error says so.
func (c *Cluster) Credentials(ctx context.Context, b *v1alpha1.Broker, user string) (username string, password []byte, err error) {
	namespace, name, ok := strings.Cut(user, "/")
	if !ok {
		namespace, name = b.Namespace, user
	}
	var u v1alpha1.User
	err = c.ours.Get().Namespace(namespace).Resource("users").Name(name).Do(ctx).Into(&u)
	if apierrors.IsNotFound(err) {
		return "", nil, fmt.Errorf("there is no User %s in namespace %s: kubectl get users.mqtt.dunlin.dev -A lists all", name, namespace)
	}
	if err != nil {
		return "", nil, fmt.Errorf("read User %s/%s: %w", namespace, name, err)
	}
	if !refers(u.Spec.BrokerRef, u.Namespace, b) {
		return "", nil, fmt.Errorf("the User %s/%s is of another Broker, %s", namespace, name, u.Spec.BrokerRef.Name)
	}
	secret, key := u.Status.SecretName, corev1.BasicAuthPasswordKey
	switch ref := u.Spec.Authentication.Password.SecretRef; {
	case ref != nil:
		if secret = ref.Name; ref.Key != "" {
			key = ref.Key
		}
	case u.Spec.Authentication.Password.PasswordHash != "":
		return "", nil, fmt.Errorf("of the password of User %s/%s the cluster knows only a hash: give it with --username %s --password-file FILE",
			namespace, name, render.Username(&u))
	case secret == "":
		return "", nil, fmt.Errorf("User %s/%s has no password yet: kubectl describe says what it waits for", namespace, name)
	}
	s, err := c.Secret(ctx, namespace, secret)
	if err != nil {
		return "", nil, err
	}
	if len(s.Data[key]) == 0 {
		return "", nil, fmt.Errorf("the Secret %s/%s has no password at %s", namespace, secret, key)
	}
	return render.Username(&u), s.Data[key], nil
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
