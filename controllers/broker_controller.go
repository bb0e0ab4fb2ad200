package controllers

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

const (
	// loadRetryMin and loadRetryMax bound how often a pod is asked whether it has loaded the users
	// and ACLs: it cannot be watched. The time between two questions doubles.
	loadRetryMin = 500 * time.Millisecond
	loadRetryMax = 5 * time.Second
	// loadPatience is how long a ready Broker may take to load a new revision before it is said
	// not to be ready.
	loadPatience = time.Minute
	// podRetry is how often the events of a StatefulSet without pods are looked at: they are not watched.
	podRetry = 5 * time.Second
	// maxEvents bounds how many of them are read.
	maxEvents = 100
)

// BrokerReconciler makes Brokers real: every child of a Broker is its work.
type BrokerReconciler struct {
	applier
	reporter reporter
	// Image is the broker image for Brokers whose spec names none.
	image string
	// prober asks pods what they have loaded.
	prober PodProber
	now    func() time.Time
	loads  *loads
	// auths is nil where each pass is to render all.
	auths *authMemos
	// kinds is shared by all passes.
	kinds *kinds
	// issuer is who makes the cluster's tokens, for all Brokers.
	issuer  *clusterIssuer
	metrics *instruments
}

// brokerPhase is one step of a pass. It may end the pass early by a *faultError (the user's
// mistake, which goes to the conditions) or another error (retried).
type brokerPhase func(context.Context, *brokerScope) error

// Reconcile is one pass over one Broker.
func (r *BrokerReconciler) Reconcile(ctx context.Context, req ctrl.Request) (result ctrl.Result, err error) {
	broker := &v1alpha1.Broker{}
	if err := r.Get(ctx, req.NamespacedName, broker); err != nil {
		r.loads.forget(req.NamespacedName)
		r.auths.forget(req.NamespacedName)
		r.selected.forget(req.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if broker.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	before := broker.DeepCopy()
	s := newBrokerScope(broker, r.image, r.now())
	defer func() {
		if err == nil {
			err = r.reporter.report(ctx, before, broker)
		}
	}()
	if err := r.run(ctx, s); err != nil {
		return ctrl.Result{}, err
	}
	s.writeStatus()
	return ctrl.Result{RequeueAfter: s.requeueAfter()}, nil
}

// run does the phases in order. A fault ends them, but what pods there are is looked at all the
// same: a mistake in the spec doesn't hide whether the broker still serves.
func (r *BrokerReconciler) run(ctx context.Context, s *brokerScope) error {
	phases := []brokerPhase{
		r.reconcileCertificates,
		r.reconcileConfig,
		r.reconcileAuth,
		r.reconcileServices,
		r.reconcileRoutes,
		r.reconcileStorage,
		r.reconcileStatefulSet,
		r.reconcileMonitoring,
	}
	for _, phase := range phases {
		err := phase(ctx, s)
		if fault := asFault(err); fault != nil {
			s.fault = fault
			break
		}
		if err != nil {
			return err
		}
	}
	if s.fault != nil && s.authRevision == "" {
		// Who is let in doesn't wait for the fault to be put right: revoked means revoked.
		if err := r.reconcileAuth(ctx, s); err != nil && asFault(err) == nil {
			return err
		}
	}
	return r.observe(ctx, s)
}

// keyOf is the Broker's namespace and name.
func keyOf(b *v1alpha1.Broker) types.NamespacedName { return client.ObjectKeyFromObject(b) }
