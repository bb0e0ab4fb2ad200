package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// routeRetry is how often a route that its Gateways have not accepted is looked at again: routes are not watched, since the
// cluster need not have them.
const routeRetry = 30 * time.Second

// reconcileRoutes keeps the routes of the listeners that ask for one, and removes the others. Routes change nothing about whether
// the Broker serves, so they have a condition of their own.
func (r *BrokerReconciler) reconcileRoutes(ctx context.Context, s *brokerScope) error {
	wanted := map[schema.GroupKind][]string{}
	for _, l := range s.broker.Spec.Listeners {
		if l.Route == nil {
			continue
		}
		kind := schema.GroupKind{Group: children.RouteGroup, Kind: l.Route.Kind}
		wanted[kind] = append(wanted[kind], children.RouteName(s.broker, l))
		if err := r.reconcileRoute(ctx, s, l, kind); err != nil {
			return err
		}
	}
	if len(wanted) == 0 && meta.FindStatusCondition(s.broker.Status.Conditions, v1alpha1.ConditionRouted) == nil {
		return nil // there have never been any
	}
	for _, kind := range children.RouteKinds {
		if err := r.lookAtRoutes(ctx, s, kind, wanted[kind]); err != nil {
			return err
		}
	}
	if s.routed.status == "" && len(wanted) > 0 {
		s.routed = yes(v1alpha1.ReasonRouteAccepted, "The Gateways have accepted the routes of the listeners")
	}
	return nil
}

// reconcileRoute keeps the route of one listener.
func (r *BrokerReconciler) reconcileRoute(ctx context.Context, s *brokerScope, l v1alpha1.ListenerSpec, kind schema.GroupKind) error {
	version, err := r.kinds.version(r.RESTMapper(), kind, s.now)
	if err != nil {
		return err
	}
	if version != "" {
		_, err = r.applyUnlessPaused(ctx, s, children.Route(s.broker, l, version))
	}
	switch fault := asFault(err); {
	case version == "", noSuch(err):
		s.routed = no(v1alpha1.ReasonRouteKindNotFound, fmt.Sprintf(
			"The cluster has no %s (%s): install the Gateway API with it, or take the route of listener %s away", kind.Kind, kind.Group, l.Name))
		s.wake(kindRetry)
	case fault != nil:
		s.routed = no(fault.reason, fault.message)
		s.wake(routeRetry)
	default:
		return err
	}
	return nil
}

// lookAtRoutes removes the Broker's routes of a kind that are not wanted, and notes which of the others is not accepted.
func (r *BrokerReconciler) lookAtRoutes(ctx context.Context, s *brokerScope, kind schema.GroupKind, wanted []string) error {
	version, err := r.kinds.version(r.RESTMapper(), kind, s.now)
	if err != nil || version == "" {
		return err
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind.WithVersion(version))
	err = r.live.List(ctx, list, client.InNamespace(s.broker.Namespace), client.MatchingLabels{v1alpha1.LabelBroker: s.broker.Name})
	if noSuch(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %ss of Broker %s: %w", kind.Kind, keyOf(s.broker), err)
	}
	for i := range list.Items {
		u := &list.Items[i]
		if !slices.Contains(wanted, u.GetName()) {
			if paused(s.broker) {
				continue
			}
			if err := r.removeFound(ctx, s.broker, u); err != nil {
				return err
			}
			continue
		}
		if why := notAccepted(u); why != "" && s.routed.status == "" {
			s.routed = no(v1alpha1.ReasonRouteNotAccepted, why)
			s.wake(routeRetry)
		}
	}
	return nil
}

// notAccepted says which Gateway has not accepted a route; "": all have.
func notAccepted(route *unstructured.Unstructured) string {
	name := fmt.Sprintf("%s %s/%s", route.GetKind(), route.GetNamespace(), route.GetName())
	wanted, _, _ := unstructured.NestedSlice(route.Object, "spec", "parentRefs")
	parents, _, _ := unstructured.NestedSlice(route.Object, "status", "parents")
	if len(parents) < len(wanted) {
		return fmt.Sprintf("%d of %d Gateways have not looked at %s: is there a controller that serves such routes?", len(wanted)-len(parents), len(wanted), name)
	}
	for _, p := range parents {
		parent, _ := p.(map[string]any)
		gateway, _, _ := unstructured.NestedString(parent, "parentRef", "name")
		conditions, _, _ := unstructured.NestedSlice(parent, "conditions")
		for _, kind := range []string{"Accepted", "ResolvedRefs"} {
			if why := falseOf(conditions, kind); why != "" {
				return fmt.Sprintf("Gateway %s does not serve %s: %s", gateway, name, why)
			}
		}
	}
	return ""
}

// falseOf is the reason and message of a condition that is False; "": it is not.
func falseOf(conditions []any, kind string) string {
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == kind && c["status"] == "False" {
			return fmt.Sprintf("%v: %v", c["reason"], c["message"])
		}
	}
	return ""
}

// writeRouted puts what the pass found into the status.
func (s *brokerScope) writeRouted() {
	conditions := &s.broker.Status.Conditions
	if s.routed.status != "" {
		setCondition(conditions, v1alpha1.ConditionRouted, s.broker.Generation, s.routed)
		return
	}
	if !slices.ContainsFunc(s.broker.Spec.Listeners, func(l v1alpha1.ListenerSpec) bool { return l.Route != nil }) && s.fault == nil {
		removeCondition(conditions, v1alpha1.ConditionRouted)
	}
}
