package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// The cache's indexes.
const (
	// indexBroker is on Users and ACLs: the "namespace/name" of the Broker that they name.
	indexBroker = "broker"
	// indexUsername is on Users: their Broker and user name.
	indexUsername = "username"
	// indexSecret is on Users and Brokers: the "namespace/name" of the user-made Secrets they read.
	indexSecret = "secret"
)

// usernameKey is the value of indexUsername.
func usernameKey(u *v1alpha1.User) string {
	return brokerKey(u.Spec.BrokerRef, u.Namespace).String() + "/" + render.Username(u)
}

func addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	indexes := []struct {
		object client.Object
		name   string
		value  client.IndexerFunc
	}{
		{&v1alpha1.User{}, indexBroker, func(o client.Object) []string {
			return []string{brokerKey(o.(*v1alpha1.User).Spec.BrokerRef, o.GetNamespace()).String()}
		}},
		{&v1alpha1.ACL{}, indexBroker, func(o client.Object) []string {
			return []string{brokerKey(o.(*v1alpha1.ACL).Spec.BrokerRef, o.GetNamespace()).String()}
		}},
		{&v1alpha1.User{}, indexUsername, func(o client.Object) []string {
			return []string{usernameKey(o.(*v1alpha1.User))}
		}},
		{&v1alpha1.User{}, indexSecret, func(o client.Object) []string {
			ref := o.(*v1alpha1.User).Spec.Authentication.Password.SecretRef
			if ref == nil {
				return nil
			}
			return secretKey(o.GetNamespace(), ref.Name)
		}},
		{&v1alpha1.Broker{}, indexSecret, func(o client.Object) []string {
			var keys []string
			for _, name := range namedSecrets(o.(*v1alpha1.Broker)) {
				keys = append(keys, secretKey(o.GetNamespace(), name)...)
			}
			return keys
		}},
	}
	for _, i := range indexes {
		if err := indexer.IndexField(ctx, i.object, i.name, i.value); err != nil {
			return fmt.Errorf("index %T by %s: %w", i.object, i.name, err)
		}
	}
	return nil
}

// namedSecrets are the Secrets that a Broker names and the operator has not made.
func namedSecrets(b *v1alpha1.Broker) []string {
	names := []string{b.Spec.TLS.SecretName, b.Spec.TLS.ClientCASecretName, b.Spec.TLS.ClientCRLSecretName}
	names = append(names, children.MoreSecrets(b)...)
	if b.Spec.TLS.IssuerRef != nil {
		names = append(names, children.IssuedTLSName(b))
	}
	return names
}

func secretKey(namespace, name string) []string {
	if name == "" {
		return nil
	}
	return []string{types.NamespacedName{Namespace: namespace, Name: name}.String()}
}
