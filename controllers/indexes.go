package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// indexShard is on Users and ACLs: their Broker and their shard of its auth bundle, as shardKey has it.
	indexShard = "shard"
	// indexWaiting is indexBroker of those that are not applied.
	indexWaiting = "waiting"
	// indexUncertified is indexBroker of the Users that wait for a serial number.
	indexUncertified = "uncertified"
	// indexUsername is on Users: their Broker and user name.
	indexUsername = "username"
	// indexSecret is on Users and Brokers: the "namespace/name" of the user-made Secrets they read.
	indexSecret = "secret"
)

// usernameKey is the value of indexUsername.
func usernameKey(u *v1alpha1.User) string {
	return brokerKey(u.Spec.BrokerRef, u.Namespace).String() + "/" + render.Username(u)
}

// shardKey is a value of indexShard.
func shardKey(broker types.NamespacedName, shard int) string {
	return fmt.Sprintf("%s/%02d", broker, shard)
}

// waitingOf is the value of indexWaiting.
func waitingOf(broker types.NamespacedName, conditions []metav1.Condition) []string {
	if meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionApplied) {
		return nil
	}
	return []string{broker.String()}
}

// userIndexes and aclIndexes are those by the Broker.
var (
	userIndexes = map[string]func(*v1alpha1.User, types.NamespacedName) []string{
		indexBroker: func(_ *v1alpha1.User, broker types.NamespacedName) []string { return []string{broker.String()} },
		indexShard: func(u *v1alpha1.User, broker types.NamespacedName) []string {
			return []string{shardKey(broker, render.Shard(render.Username(u)))}
		},
		indexWaiting: func(u *v1alpha1.User, broker types.NamespacedName) []string {
			return waitingOf(broker, u.Status.Conditions)
		},
		indexUncertified: func(u *v1alpha1.User, broker types.NamespacedName) []string {
			c := meta.FindStatusCondition(u.Status.Conditions, v1alpha1.ConditionCertificateReady)
			if c == nil || c.Reason != v1alpha1.ReasonWaitingForBroker {
				return nil
			}
			return []string{broker.String()}
		},
	}
	aclIndexes = map[string]func(*v1alpha1.ACL, types.NamespacedName) []string{
		indexBroker: func(_ *v1alpha1.ACL, broker types.NamespacedName) []string { return []string{broker.String()} },
		indexShard: func(a *v1alpha1.ACL, broker types.NamespacedName) []string {
			return []string{shardKey(broker, render.Shard(render.ACLName(a)))}
		},
		indexWaiting: func(a *v1alpha1.ACL, broker types.NamespacedName) []string {
			return waitingOf(broker, a.Status.Conditions)
		},
	}
)

func addIndexes(ctx context.Context, indexer client.FieldIndexer) error {
	type index struct {
		object client.Object
		name   string
		value  client.IndexerFunc
	}
	indexes := []index{
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
	for name, value := range userIndexes {
		indexes = append(indexes, index{&v1alpha1.User{}, name, func(o client.Object) []string {
			u := o.(*v1alpha1.User)
			return value(u, brokerKey(u.Spec.BrokerRef, u.Namespace))
		}})
	}
	for name, value := range aclIndexes {
		indexes = append(indexes, index{&v1alpha1.ACL{}, name, func(o client.Object) []string {
			a := o.(*v1alpha1.ACL)
			return value(a, brokerKey(a.Spec.BrokerRef, a.Namespace))
		}})
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
