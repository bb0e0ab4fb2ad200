package cluster

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// Broker is the one of that name, or the only one of the namespace if name is "".
func (c *Cluster) Broker(ctx context.Context, name string) (*v1alpha1.Broker, error) {
	if name == "" {
		return c.only(ctx)
	}
	var b v1alpha1.Broker
	err := c.ours.Get().Namespace(c.Namespace).Resource("brokers").Name(name).Do(ctx).Into(&b)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no Broker %s in namespace %s: kubectl get brokers -A lists all", name, c.Namespace)
	}
	if err != nil {
		return nil, fmt.Errorf("read Broker %s/%s: %w", c.Namespace, name, err)
	}
	return &b, nil
}

func (c *Cluster) only(ctx context.Context) (*v1alpha1.Broker, error) {
	brokers, err := c.Brokers(ctx)
	if err != nil {
		return nil, err
	}
	switch len(brokers) {
	case 0:
		return nil, fmt.Errorf("there is no Broker in namespace %s: kubectl get brokers -A lists all", c.Namespace)
	case 1:
		return &brokers[0], nil
	}
	names := make([]string, len(brokers))
	for i, b := range brokers {
		names[i] = b.Name
	}
	return nil, fmt.Errorf("namespace %s has several Brokers: name one of %s", c.Namespace, strings.Join(names, ", "))
}

// Namespaces are the names of all.
func (c *Cluster) Namespaces(ctx context.Context) ([]string, error) {
	var list corev1.NamespaceList
	if err := c.core.Get().Resource("namespaces").Do(ctx).Into(&list); err != nil {
		return nil, fmt.Errorf("list the namespaces: %w", err)
	}
	names := make([]string, len(list.Items))
	for i, n := range list.Items {
		names[i] = n.Name
	}
	return names, nil
}

// Brokers are those of the namespace.
func (c *Cluster) Brokers(ctx context.Context) ([]v1alpha1.Broker, error) {
	var list v1alpha1.BrokerList
	if err := c.ours.Get().Namespace(c.Namespace).Resource("brokers").Do(ctx).Into(&list); err != nil {
		return nil, fmt.Errorf("list the Brokers of namespace %s: %w", c.Namespace, err)
	}
	return list.Items, nil
}

// Users are those that name the Broker. Those of other namespaces are among them if the Broker allows any and the user may
// list them; if not, partial says so.
func (c *Cluster) Users(ctx context.Context, b *v1alpha1.Broker) (users []v1alpha1.User, partial string, err error) {
	var list v1alpha1.UserList
	partial, err = c.ofBroker(ctx, b, "users", &list)
	users = slices.DeleteFunc(list.Items, func(u v1alpha1.User) bool { return !refers(u.Spec.BrokerRef, u.Namespace, b) })
	return users, partial, err
}

// ACLs are those that name the Broker, as with Users.
func (c *Cluster) ACLs(ctx context.Context, b *v1alpha1.Broker) (acls []v1alpha1.ACL, partial string, err error) {
	var list v1alpha1.ACLList
	partial, err = c.ofBroker(ctx, b, "acls", &list)
	acls = slices.DeleteFunc(list.Items, func(a v1alpha1.ACL) bool { return !refers(a.Spec.BrokerRef, a.Namespace, b) })
	return acls, partial, err
}

// ofBroker lists what may name b.
func (c *Cluster) ofBroker(ctx context.Context, b *v1alpha1.Broker, resource string, into runtime.Object) (partial string, err error) {
	if b.Spec.AllowedNamespaces != nil {
		err = c.ours.Get().Resource(resource).Do(ctx).Into(into)
		if err == nil {
			return "", nil
		}
		if !apierrors.IsForbidden(err) {
			return "", fmt.Errorf("list the %s of all namespaces: %w", resource, err)
		}
		partial = fmt.Sprintf("only the %s of namespace %s are shown: you may not list those of others", resource, b.Namespace)
	}
	if err = c.ours.Get().Namespace(b.Namespace).Resource(resource).Do(ctx).Into(into); err != nil {
		return "", fmt.Errorf("list the %s of namespace %s: %w", resource, b.Namespace, err)
	}
	return partial, nil
}

func refers(ref v1alpha1.BrokerRef, namespace string, b *v1alpha1.Broker) bool {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return ref.Name == b.Name && namespace == b.Namespace
}

// Pods are the Broker's.
func (c *Cluster) Pods(ctx context.Context, b *v1alpha1.Broker) ([]corev1.Pod, error) {
	var pods corev1.PodList
	selector := labels.SelectorFromSet(children.Selector(b)).String()
	if err := c.core.Get().Namespace(b.Namespace).Resource("pods").Param("labelSelector", selector).Do(ctx).Into(&pods); err != nil {
		return nil, fmt.Errorf("list the pods of Broker %s/%s: %w", b.Namespace, b.Name, err)
	}
	return pods.Items, nil
}

// Events are the namespace's.
func (c *Cluster) Events(ctx context.Context) ([]corev1.Event, error) {
	var events corev1.EventList
	if err := c.core.Get().Namespace(c.Namespace).Resource("events").Do(ctx).Into(&events); err != nil {
		return nil, fmt.Errorf("list the events of namespace %s: %w", c.Namespace, err)
	}
	return events.Items, nil
}

// Secret is one.
func (c *Cluster) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	var secret corev1.Secret
	if err := c.core.Get().Namespace(namespace).Resource("secrets").Name(name).Do(ctx).Into(&secret); err != nil {
		return nil, fmt.Errorf("read Secret %s/%s: %w", namespace, name, err)
	}
	return &secret, nil
}

// ConfigMap is one of the namespace.
func (c *Cluster) ConfigMap(ctx context.Context, name string) (*corev1.ConfigMap, error) {
	var found corev1.ConfigMap
	if err := c.core.Get().Namespace(c.Namespace).Resource("configmaps").Name(name).Do(ctx).Into(&found); err != nil {
		return nil, fmt.Errorf("read ConfigMap %s/%s: %w", c.Namespace, name, err)
	}
	return &found, nil
}

// Service is one of the namespace.
func (c *Cluster) Service(ctx context.Context, name string) (*corev1.Service, error) {
	var found corev1.Service
	if err := c.core.Get().Namespace(c.Namespace).Resource("services").Name(name).Do(ctx).Into(&found); err != nil {
		return nil, fmt.Errorf("read Service %s/%s: %w", c.Namespace, name, err)
	}
	return &found, nil
}

// Operators are the operator's pods, in whichever namespace.
func (c *Cluster) Operators(ctx context.Context) ([]corev1.Pod, error) {
	var pods corev1.PodList
	if err := c.core.Get().Resource("pods").Param("labelSelector", "app.kubernetes.io/name=dunlin").Do(ctx).Into(&pods); err != nil {
		return nil, fmt.Errorf("list the operator's pods: %w", err)
	}
	return pods.Items, nil
}

// Logs is the log of a pod, of this run of its container or of the previous one, at most its last lines and maxBytes.
func (c *Cluster) Logs(ctx context.Context, namespace, pod string, previous bool, lines, maxBytes int64) (io.ReadCloser, error) {
	request := c.core.Get().Namespace(namespace).Resource("pods").Name(pod).SubResource("log").
		Param("tailLines", strconv.FormatInt(lines, 10)).Param("limitBytes", strconv.FormatInt(maxBytes, 10)).Param("timestamps", "true")
	if previous {
		request.Param("previous", "true")
	}
	stream, err := request.Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the log of pod %s/%s: %w", namespace, pod, err)
	}
	return stream, nil
}
