package controllers

import (
	"context"
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// reconcileServices keeps the Services, the disruption budget and the network policy, and removes
// those that the spec no longer asks for.
func (r *BrokerReconciler) reconcileServices(ctx context.Context, s *brokerScope) error {
	b := s.broker
	wanted := []any{children.PodService(b), children.Budget(b)}
	names := map[string]bool{children.PodServiceName(b): true}
	if children.HasService(b) {
		wanted = append(wanted, children.Service(b))
		names[children.ServiceName(b)] = true
	}
	for _, l := range b.Spec.Listeners {
		if l.Service != nil {
			wanted = append(wanted, children.ListenerService(b, l))
			names[children.ListenerServiceName(b, l)] = true
		}
	}
	if b.Spec.NetworkPolicy.Enabled {
		wanted = append(wanted, children.NetworkPolicy(b))
	}
	for _, child := range wanted {
		if _, err := r.applyUnlessPaused(ctx, s, child); err != nil {
			return err
		}
	}
	if paused(b) {
		return nil
	}
	return r.removeUnwanted(ctx, s, names)
}

// removeUnwanted deletes the Services of other names than these, and the network policy if there is to be none.
func (r *BrokerReconciler) removeUnwanted(ctx context.Context, s *brokerScope, names map[string]bool) error {
	b := s.broker
	services, err := r.services(ctx, b)
	if err != nil {
		return err
	}
	for i := range services {
		if !names[services[i].Name] {
			if err := r.remove(ctx, b, services[i].DeepCopy()); err != nil {
				return err
			}
			continue
		}
		s.services = append(s.services, services[i])
	}
	if b.Spec.NetworkPolicy.Enabled {
		return nil
	}
	return r.remove(ctx, b, &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: children.NetworkPolicyName(b), Namespace: b.Namespace}})
}

// services are those that the Broker has.
func (r *BrokerReconciler) services(ctx context.Context, b *v1alpha1.Broker) ([]corev1.Service, error) {
	var list corev1.ServiceList
	err := r.List(ctx, &list, client.InNamespace(b.Namespace), client.MatchingLabels{v1alpha1.LabelBroker: b.Name})
	if err != nil {
		return nil, fmt.Errorf("list Services of Broker %s: %w", keyOf(b), err)
	}
	var own []corev1.Service
	for _, s := range list.Items {
		if metav1.IsControlledBy(&s, b) {
			own = append(own, s)
		}
	}
	return own, nil
}

// listenerAddresses are where each listener is reached, in the cluster and through load balancers.
func (s *brokerScope) listenerAddresses() []v1alpha1.ListenerStatus {
	b := s.broker
	out := make([]v1alpha1.ListenerStatus, len(b.Spec.Listeners))
	for i, l := range b.Spec.Listeners {
		host, port := children.Address(b, l)
		out[i] = v1alpha1.ListenerStatus{Name: l.Name, Address: net.JoinHostPort(host, strconv.Itoa(int(port)))}
		for k := range s.services {
			out[i].External = append(out[i].External, externalAddresses(&s.services[k], l.Name)...)
		}
	}
	return out
}

// externalAddresses are where a load balancer serves the Service's port of that name.
func externalAddresses(service *corev1.Service, port string) []string {
	var out []string
	for _, p := range service.Spec.Ports {
		if p.Name != port {
			continue
		}
		for _, ingress := range service.Status.LoadBalancer.Ingress {
			host := ingress.Hostname
			if host == "" {
				host = ingress.IP
			}
			out = append(out, net.JoinHostPort(host, strconv.Itoa(int(p.Port))))
		}
	}
	return out
}
