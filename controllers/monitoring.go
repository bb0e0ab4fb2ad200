package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// reconcileMonitoring keeps the PodMonitor that the spec asks for. It changes nothing about whether the Broker serves, so
// it has a condition of its own.
func (r *BrokerReconciler) reconcileMonitoring(ctx context.Context, s *brokerScope) error {
	if !s.broker.Spec.Monitoring.Enabled {
		return r.unmonitor(ctx, s)
	}
	kind := children.PodMonitorKind
	version, err := r.kinds.version(r.RESTMapper(), kind.GroupKind(), s.now, kind.Version)
	if err != nil {
		return err
	}
	if version == "" {
		s.monitored = no(v1alpha1.ReasonKindNotFound, noSuchKind)
		return nil
	}
	err = r.apply(ctx, s.broker, children.PodMonitor(s.broker))
	switch {
	case noSuch(err):
		s.monitored = no(v1alpha1.ReasonKindNotFound, noSuchKind)
	case asFault(err) != nil:
		s.monitored = no(asFault(err).reason, err.Error())
	case err != nil:
		return err
	default:
		s.monitored = yes(v1alpha1.ReasonMonitored, "PodMonitor "+children.PodMonitorName(s.broker)+" has Prometheus scrape the pods")
	}
	return nil
}

const noSuchKind = "The cluster has no PodMonitor (monitoring.coreos.com/v1): install the Prometheus operator, or set spec.monitoring.enabled to false"

// unmonitor deletes the PodMonitor of a Broker that had one.
func (r *BrokerReconciler) unmonitor(ctx context.Context, s *brokerScope) error {
	if meta.FindStatusCondition(s.broker.Status.Conditions, v1alpha1.ConditionMonitored) == nil {
		return nil
	}
	key := client.ObjectKey{Namespace: s.broker.Namespace, Name: children.PodMonitorName(s.broker)}
	return r.removeForeign(ctx, s.broker, children.PodMonitorKind, key)
}

// writeMonitored puts what the pass found into the status.
func (s *brokerScope) writeMonitored() {
	if s.monitored.status == "" {
		if !s.broker.Spec.Monitoring.Enabled {
			meta.RemoveStatusCondition(&s.broker.Status.Conditions, v1alpha1.ConditionMonitored)
		}
		return // a fault has ended the pass before
	}
	setCondition(&s.broker.Status.Conditions, v1alpha1.ConditionMonitored, s.broker.Generation, s.monitored)
}
