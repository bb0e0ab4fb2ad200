package controllers

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// appliedRetry is how often a User or ACL that waits for the pods is looked at again, should it and
// its Broker have changed at the same moment. Normally the Broker's own change wakes it.
const appliedRetry = 5 * time.Second

// UserReconciler keeps a User's connection Secret, and says whether the pods know the User. What
// the pods are given is the Broker's pass' work.
type UserReconciler struct {
	applier
	reporter reporter
	metrics  *instruments
	now      func() time.Time
}

// userScope is what one pass over a User has found so far.
type userScope struct {
	user   *v1alpha1.User
	broker *v1alpha1.Broker
	// account is what the connection Secret and the spec make of the User.
	account     render.Account
	certificate certificate
	rotation    render.Rotation
	now         time.Time
	// fault is why the User can't be what its spec asks for.
	fault *outcome
	// applied is the Applied condition.
	applied outcome
}

// Reconcile is one pass over one User.
func (r *UserReconciler) Reconcile(ctx context.Context, req ctrl.Request) (result ctrl.Result, err error) {
	user := &v1alpha1.User{}
	if err := r.Get(ctx, req.NamespacedName, user); err != nil {
		r.metrics.forget("User", req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if user.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	before := user.DeepCopy()
	s := &userScope{user: user, now: r.now()}
	defer func() {
		if err == nil {
			err = r.reporter.report(ctx, before, user)
		}
	}()
	if err := r.run(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	s.writeStatus()
	r.metrics.seen("User", req.NamespacedName, s.applied, r.now())
	return ctrl.Result{RequeueAfter: s.requeueAfter()}, nil
}

func (r *UserReconciler) run(ctx context.Context, s *userScope) error {
	phases := []func(context.Context, *userScope) error{
		r.findBroker, r.claimUsername, r.reconcileSecret,
	}
	for _, phase := range phases {
		err := phase(ctx, s)
		if fault := asFault(err); fault != nil {
			s.fail(no(fault.reason, fault.message))
		} else if err != nil {
			return err
		}
		if s.fault != nil {
			break
		}
	}
	return r.checkApplied(ctx, s)
}

func (s *userScope) fail(o outcome) { s.fault = &o }

// findBroker finds the Broker, which must allow the User's namespace.
func (r *UserReconciler) findBroker(ctx context.Context, s *userScope) error {
	broker, fault, err := r.applier.findBroker(ctx, s.user.Spec.BrokerRef, s.user.Namespace)
	s.broker, s.fault = broker, fault
	return err
}

// claimUsername fails the User whose name an older one of the same Broker has.
func (r *UserReconciler) claimUsername(ctx context.Context, s *userScope) error {
	var list v1alpha1.UserList
	err := r.List(ctx, &list, client.MatchingFields{indexUsername: usernameKey(s.user)})
	if err != nil {
		return fmt.Errorf("list Users of the same name: %w", err)
	}
	allowed := newConsent(r.Client, s.broker)
	var rivals []v1alpha1.User
	for _, u := range list.Items {
		ok, err := allowed.of(ctx, u.Namespace)
		if err != nil {
			return err
		}
		if ok && u.DeletionTimestamp == nil {
			rivals = append(rivals, u)
		}
	}
	_, losers := render.ResolveUsers(rivals)
	if winner := losers[client.ObjectKeyFromObject(s.user)]; winner != nil {
		s.fail(no(v1alpha1.ReasonUsernameTaken, fmt.Sprintf("User %s/%s, which is older, has the user name %q on Broker %s",
			winner.Namespace, winner.Name, render.Username(s.user), keyOf(s.broker))))
	}
	return nil
}

// checkApplied says whether the pods enforce what the User's spec and Secret say.
func (r *UserReconciler) checkApplied(ctx context.Context, s *userScope) error {
	if s.fault != nil {
		s.applied = no(s.fault.reason, s.fault.message)
		return nil
	}
	bundle, err := r.bundle(ctx, s.broker, render.Shard(s.account.Username))
	if err != nil {
		return err
	}
	selectors, err := r.selectors(ctx, &bundle)
	if err != nil {
		return err
	}
	digest := userDigest(s.broker, s.account, selectors.Of(s.account.Labels), s.user.Spec.Suspended)
	in := bundle.hasUser(s.account, selectors)
	if s.user.Spec.Suspended {
		in = !bundle.hasUsername(s.account.Username)
	}
	s.applied = bundle.applied(in, wasApplied(s.user.Status.Conditions, s.user.Status.AppliedDigest, digest))
	if s.applied.status == metav1.ConditionTrue {
		s.user.Status.AppliedDigest = digest
	}
	return nil
}

// writeStatus puts what the pass found into the User's status.
func (s *userScope) writeStatus() {
	status := &s.user.Status
	status.ObservedGeneration = s.user.Generation
	status.Username = render.Username(s.user)
	s.certificate.writeStatus(s.user)
	s.writeRotation()
	setCondition(&status.Conditions, v1alpha1.ConditionApplied, s.user.Generation, s.applied)
	if s.applied.status == metav1.ConditionTrue && s.user.Spec.Suspended {
		setReady(&status.Conditions, s.user.Generation, yes(v1alpha1.ReasonSuspended, "Kept out, because spec.suspended is true"), "")
		return
	}
	if certificate := s.certificate.ready; s.applied.status == metav1.ConditionTrue && certificate.status == metav1.ConditionFalse {
		setReady(&status.Conditions, s.user.Generation, certificate, "")
		return
	}
	setReady(&status.Conditions, s.user.Generation, s.applied, "")
}

// requeueAfter is when to look again though nothing that is watched changes; 0 is never.
func (s *userScope) requeueAfter() time.Duration {
	again := appliedRequeue(s.applied)
	if s.certificate.ready.reason == v1alpha1.ReasonWaitingForBroker {
		again = appliedRetry
	}
	for _, at := range []time.Time{s.certificate.renew, s.rotation.Next(s.user), s.rotation.Until} {
		if wait := max(at.Sub(s.now), time.Second); !at.IsZero() && (again == 0 || wait < again) {
			again = wait
		}
	}
	return again
}

// connectionSecretName is the User's connection Secret.
func connectionSecretName(u *v1alpha1.User) string { return u.Name + "-mqtt" }

// labelsOf are on the connection Secret.
func labelsOf(u *v1alpha1.User) map[string]string {
	return map[string]string{
		"app.kubernetes.io/part-of":    "dunlin",
		"app.kubernetes.io/managed-by": FieldOwner,
		v1alpha1.LabelBroker:           u.Spec.BrokerRef.Name,
		v1alpha1.LabelUser:             u.Name,
	}
}
