package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// paused says whether the operator must leave alone what runs.
func paused(b *v1alpha1.Broker) bool { return b.Annotations[v1alpha1.AnnotationPaused] == "true" }

// applyUnlessPaused is applyReporting; while the Broker is paused, it sends nothing and notes what it
// would have sent.
func (r *BrokerReconciler) applyUnlessPaused(ctx context.Context, s *brokerScope, child any) (bool, error) {
	if !paused(s.broker) {
		return r.applyReporting(ctx, s.broker, child)
	}
	u, _, same, err := r.compare(ctx, s.broker, child)
	if err == nil && !same {
		s.held = append(s.held, u.GetKind()+" "+u.GetName())
	}
	return false, err
}

// restartedAt is the value of the annotation, or the last one that there was: taking the annotation
// away is no reason to restart.
func restartedAt(b *v1alpha1.Broker, current *appsv1.StatefulSet) string {
	if at := b.Annotations[v1alpha1.AnnotationRestartedAt]; at != "" || current == nil {
		return at
	}
	return current.Spec.Template.Annotations[v1alpha1.AnnotationRestartedAt]
}

// writeRollout mirrors the annotations as conditions.
func (s *brokerScope) writeRollout() {
	b, conditions := s.broker, &s.broker.Status.Conditions
	setAbnormal(conditions, v1alpha1.ConditionPaused, b.Generation, paused(b),
		yes(v1alpha1.ReasonPaused, fmt.Sprintf("The annotation %s is set; %s", v1alpha1.AnnotationPaused, s.heldBack())))
	at := b.Annotations[v1alpha1.AnnotationRestartedAt]
	restarted := yes(v1alpha1.ReasonAsExpected, fmt.Sprintf("The pods are of %s or later", at))
	switch rolled := s.statefulSet != nil && s.statefulSet.Spec.Template.Annotations[v1alpha1.AnnotationRestartedAt] == at; {
	case at == "":
		removeCondition(conditions, v1alpha1.ConditionRestarted)
		return
	case paused(b) && !rolled:
		restarted = no(v1alpha1.ReasonPaused, "The restart waits, because the Broker is paused")
	case !rolled || s.podTrouble() != nil:
		restarted = no(v1alpha1.ReasonProgressing, "The pods are being replaced")
	}
	setCondition(conditions, v1alpha1.ConditionRestarted, b.Generation, restarted)
}

// heldBack says what a paused Broker's pass did not do.
func (s *brokerScope) heldBack() string {
	if len(s.held) == 0 {
		return "nothing waits to be changed"
	}
	slices.Sort(s.held)
	return "not brought to what the spec says: " + strings.Join(s.held, ", ")
}
