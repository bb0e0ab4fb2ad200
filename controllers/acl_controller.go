package controllers

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/access"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// ACLReconciler says whether an ACL's rules are valid, and whether the pods enforce them. What the
// pods are given is the Broker's pass' work.
type ACLReconciler struct {
	applier
	reporter reporter
	metrics  *instruments
	now      func() time.Time
}

// Reconcile is one pass over one ACL.
func (r *ACLReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	acl := &v1alpha1.ACL{}
	if err := r.Get(ctx, req.NamespacedName, acl); err != nil {
		r.metrics.forget("ACL", req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if acl.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	before := acl.DeepCopy()
	applied, err := r.applied(ctx, acl)
	if err != nil {
		return ctrl.Result{}, err
	}
	r.metrics.seen("ACL", req.NamespacedName, applied, r.now())
	acl.Status.ObservedGeneration = acl.Generation
	shadowed := access.Shadowed(acl)
	setAbnormal(&acl.Status.Conditions, v1alpha1.ConditionRulesShadowed, acl.Generation, len(shadowed) > 0,
		no(v1alpha1.ReasonRulesShadowed, someOf(shadowed)))
	setCondition(&acl.Status.Conditions, v1alpha1.ConditionApplied, acl.Generation, applied)
	setReady(&acl.Status.Conditions, acl.Generation, applied, "")
	return ctrl.Result{RequeueAfter: appliedRequeue(applied)}, r.reporter.report(ctx, before, acl)
}

// applied decides the Applied condition, which is the Ready condition too.
func (r *ACLReconciler) applied(ctx context.Context, acl *v1alpha1.ACL) (outcome, error) {
	if err := render.ValidateACL(acl); err != nil {
		return no(v1alpha1.ReasonInvalidRules, err.Error()), nil
	}
	if err := access.Test(acl); err != nil {
		return no(v1alpha1.ReasonTestsFailed, someOf(strings.Split(err.Error(), "\n"))), nil
	}
	broker, fault, err := r.findBroker(ctx, acl.Spec.BrokerRef, acl.Namespace)
	if err != nil {
		return outcome{}, err
	}
	if fault != nil {
		return *fault, nil
	}
	rules := render.ACL(acl)
	bundle, err := r.bundle(ctx, broker, render.Shard(rules.Name))
	if err != nil {
		return outcome{}, err
	}
	digest := aclDigest(broker, rules)
	applied := bundle.applied(render.HasACL(bundle.files, rules), wasApplied(acl.Status.Conditions, acl.Status.AppliedDigest, digest))
	if applied.status == metav1.ConditionTrue {
		acl.Status.AppliedDigest = digest
	}
	return applied, nil
}

// maxListed bounds what a condition's message lists.
const maxListed = 5

// someOf is lines as a message.
func someOf(lines []string) string {
	if more := len(lines) - maxListed; more > 0 {
		lines = append(lines[:maxListed:maxListed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}
