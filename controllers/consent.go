package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// brokerKey is the Broker that a User or an ACL in namespace names.
func brokerKey(ref v1alpha1.BrokerRef, namespace string) types.NamespacedName {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return types.NamespacedName{Namespace: namespace, Name: ref.Name}
}

// consent answers, for one Broker, whether a namespace may name it, asking once a namespace.
type consent struct {
	reader client.Reader
	broker *v1alpha1.Broker
	known  map[string]bool
}

func newConsent(c client.Reader, b *v1alpha1.Broker) *consent {
	return &consent{reader: c, broker: b, known: map[string]bool{}}
}

func (c *consent) of(ctx context.Context, namespace string) (bool, error) {
	ok, known := c.known[namespace]
	if known {
		return ok, nil
	}
	ok, err := consents(ctx, c.reader, c.broker, namespace)
	if err == nil {
		c.known[namespace] = ok
	}
	return ok, err
}

// consents says whether the Broker lets Users and ACLs of a namespace name it: always its own, and
// those that its selector matches.
func consents(ctx context.Context, c client.Reader, b *v1alpha1.Broker, namespace string) (bool, error) {
	if namespace == b.Namespace {
		return true, nil
	}
	selector := allowedNamespaces(b)
	if selector == nil {
		return false, nil
	}
	ns := &metav1.PartialObjectMetadata{}
	ns.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if err := c.Get(ctx, client.ObjectKey{Name: namespace}, ns); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return false, nil
		}
		return false, fmt.Errorf("get Namespace %s: %w", namespace, err)
	}
	return selector.Matches(labels.Set(ns.Labels)), nil
}

// allowedNamespaces selects the namespaces that the Broker allows beside its own; nil: none. A selector that can't be read
// allows none: the Broker's own condition says so.
func allowedNamespaces(b *v1alpha1.Broker) labels.Selector {
	if b.Spec.AllowedNamespaces == nil {
		return nil
	}
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.AllowedNamespaces)
	if err != nil {
		return nil
	}
	return selector
}

// notAllowed is the outcome for an object in a namespace that the Broker does not allow.
func notAllowed(broker types.NamespacedName, namespace string) outcome {
	return no(v1alpha1.ReasonNamespaceNotAllowed, fmt.Sprintf(
		"Broker %s does not allow namespace %s: its spec.allowedNamespaces must select it", broker, namespace))
}

// brokerNotFound is the outcome for an object whose Broker is not there.
func brokerNotFound(broker types.NamespacedName) outcome {
	return no(v1alpha1.ReasonBrokerNotFound, fmt.Sprintf("Broker %s does not exist", broker))
}
