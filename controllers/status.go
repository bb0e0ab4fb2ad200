package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// reporter sends what a pass found: one status patch, and an event when Ready changed.
type reporter struct {
	client.Client
	events events.EventRecorder
}

// report patches after's status if it differs from before's. The two are one object before and
// after the pass; statusOf and conditionsOf find their way in it.
func (r reporter) report(ctx context.Context, before, after client.Object) error {
	if equality.Semantic.DeepEqual(statusOf(before), statusOf(after)) {
		return nil
	}
	was := meta.FindStatusCondition(conditionsOf(before), v1alpha1.ConditionReady)
	is := meta.FindStatusCondition(conditionsOf(after), v1alpha1.ConditionReady).DeepCopy()
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Status().Patch(ctx, after, patch); err != nil {
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil // deleted, or changed: the newer state is on its way here and wakes another pass
		}
		return fmt.Errorf("patch status of %s: %w", client.ObjectKeyFromObject(after), err)
	}
	r.announce(after, was, is)
	return nil
}

// announce emits one event when Ready changes its status, or stalls for another reason.
func (r reporter) announce(o client.Object, was, is *metav1.Condition) {
	if is == nil || is.Status == metav1.ConditionUnknown {
		return
	}
	stalled := is.Status == metav1.ConditionFalse && stalledReasons[is.Reason]
	if was != nil && was.Status == is.Status && (!stalled || was.Reason == is.Reason) {
		return
	}
	kind := corev1.EventTypeNormal
	if stalled {
		kind = corev1.EventTypeWarning
	}
	r.events.Eventf(o, nil, kind, is.Reason, "Reconcile", "%s", cut(is.Message, maxEventBytes))
}

func statusOf(o client.Object) any {
	switch o := o.(type) {
	case *v1alpha1.Broker:
		return o.Status
	case *v1alpha1.User:
		return o.Status
	case *v1alpha1.ACL:
		return o.Status
	}
	panic(fmt.Sprintf("no status of a %T", o))
}

func conditionsOf(o client.Object) []metav1.Condition {
	switch o := o.(type) {
	case *v1alpha1.Broker:
		return o.Status.Conditions
	case *v1alpha1.User:
		return o.Status.Conditions
	case *v1alpha1.ACL:
		return o.Status.Conditions
	}
	panic(fmt.Sprintf("no conditions of a %T", o))
}
