package controllers

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// concurrency is how many passes of one kind run at once.
const concurrency = 4

// Options are what the operator is told by its flags. Image must be set.
type Options struct {
	// Image is the broker image for Brokers whose spec names none.
	Image string
	// Namespaces are those that the operator serves. Empty: all.
	Namespaces []string
	// Prober asks pods what they have loaded. nil: AdminProber.
	Prober PodProber
	// Now is the clock. nil: time.Now.
	Now func() time.Time
	// Registry takes the operator's metrics, those of one operator. nil: controller-runtime's, which the manager serves.
	Registry prometheus.Registerer
}

// Scheme has the kinds that the operator reads and writes.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register kinds: %w", err)
		}
	}
	return scheme, nil
}

// CacheOptions bound what the operator keeps in memory: of built-in kinds only what carries the
// Broker's label, so that no other Secret of the cluster is ever held.
func CacheOptions(namespaces []string) cache.Options {
	ours := cache.ByObject{Label: labelled()}
	return cache.Options{
		DefaultNamespaces: namespaceConfig(namespaces),
		DefaultTransform:  cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Secret{}: ours, &corev1.ConfigMap{}: ours, &corev1.Service{}: ours, &corev1.Pod{}: ours,
			&appsv1.StatefulSet{}: ours, &policyv1.PodDisruptionBudget{}: ours, &networkingv1.NetworkPolicy{}: ours,
			// The StatefulSet's controller makes them, and gives them no label but those of the selector.
			&corev1.PersistentVolumeClaim{}: {Label: labels.SelectorFromSet(labels.Set{"app.kubernetes.io/name": "dunlin-broker"})},
		},
	}
}

// labelled selects what has the Broker's label, whatever its value.
func labelled() labels.Selector {
	exists, err := labels.NewRequirement(v1alpha1.LabelBroker, selection.Exists, nil)
	if err != nil {
		panic(err) // the label is a constant
	}
	return labels.NewSelector().Add(*exists)
}

func namespaceConfig(namespaces []string) map[string]cache.Config {
	if len(namespaces) == 0 {
		return nil
	}
	out := make(map[string]cache.Config, len(namespaces))
	for _, ns := range namespaces {
		out[ns] = cache.Config{}
	}
	return out
}

// SetupWithManager adds the three controllers to mgr, whose cache must have CacheOptions.
func SetupWithManager(ctx context.Context, mgr manager.Manager, o Options) error {
	if o.Prober == nil {
		o.Prober = AdminProber{}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Registry == nil {
		o.Registry = metrics.Registry
	}
	if err := addIndexes(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	secrets, err := secretNames(mgr, o.Namespaces)
	if err != nil {
		return err
	}
	a := applier{Client: mgr.GetClient(), live: mgr.GetAPIReader(), namespaces: o.Namespaces, selected: &selectorCache{}}
	report := reporter{Client: mgr.GetClient(), events: mgr.GetEventRecorder(FieldOwner)}
	measured, err := newInstruments(o.Registry, mgr.GetClient())
	if err != nil {
		return err
	}
	raw, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("make a client for the cluster's token keys: %w", err)
	}
	brokers := &BrokerReconciler{applier: a, reporter: report, image: o.Image, prober: o.Prober, now: o.Now, loads: &loads{}, auths: &authMemos{},
		kinds: &kinds{}, issuer: &clusterIssuer{get: raw.RESTClient()}, metrics: measured}
	if err := brokers.setup(mgr, secrets); err != nil {
		return fmt.Errorf("set up the Broker controller: %w", err)
	}
	if err := (&UserReconciler{applier: a, reporter: report, metrics: measured, now: o.Now}).setup(mgr, secrets); err != nil {
		return fmt.Errorf("set up the User controller: %w", err)
	}
	if err := (&ACLReconciler{applier: a, reporter: report, metrics: measured, now: o.Now}).setup(mgr); err != nil {
		return fmt.Errorf("set up the ACL controller: %w", err)
	}
	return nil
}

// secretNames is a second cache that knows the names of all Secrets and nothing else of them: it
// wakes the passes that read a user's own Secret, which they then get live.
func secretNames(mgr manager.Manager, namespaces []string) (cache.Cache, error) {
	c, err := cache.New(mgr.GetConfig(), cache.Options{
		HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(),
		DefaultNamespaces: namespaceConfig(namespaces),
		DefaultTransform: func(o any) (any, error) {
			if m, ok := o.(*metav1.PartialObjectMetadata); ok {
				m.ObjectMeta = metav1.ObjectMeta{
					Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
				}
			}
			return o, nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of Secret names: %w", err)
	}
	if err := mgr.Add(c); err != nil {
		return nil, fmt.Errorf("add the cache of Secret names: %w", err)
	}
	return c, nil
}

// userSecrets wakes by the names of Secrets.
func userSecrets(secrets cache.Cache, wake handler.MapFunc) source.Source {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	return source.Kind(secrets, client.Object(o), handler.EnqueueRequestsFromMapFunc(wake))
}

// Each controller is woken by its own status patches too: a pass that read a status older than the
// last patch may have left something of it behind, and the next one puts that right.

func (r *BrokerReconciler) setup(mgr manager.Manager, secrets cache.Cache) error {
	w := watches{mgr.GetClient(), r.auths}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Broker{}).
		Owns(&appsv1.StatefulSet{}).Owns(&corev1.Service{}).Owns(&corev1.ConfigMap{}).
		Owns(&corev1.Secret{}).Owns(&policyv1.PodDisruptionBudget{}).Owns(&networkingv1.NetworkPolicy{}).
		Watches(&v1alpha1.User{}, handler.EnqueueRequestsFromMapFunc(w.brokerOfUser),
			builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}))).
		Watches(&v1alpha1.ACL{}, handler.EnqueueRequestsFromMapFunc(w.brokerOfACL),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(w.brokerOfConnection)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(w.brokerOfPod)).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(w.brokerOfClaim)).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(w.brokersOfNamespace),
			builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WatchesRawSource(userSecrets(secrets, w.brokersOfSecret)).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
}

func (r *UserReconciler) setup(mgr manager.Manager, secrets cache.Cache) error {
	w := watches{Reader: mgr.GetClient()}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.User{}).
		Owns(&corev1.Secret{}).
		Watches(&v1alpha1.Broker{}, brokerHandler(w.usersOfBroker)).
		Watches(&v1alpha1.User{}, handler.EnqueueRequestsFromMapFunc(w.rivals),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(w.usersOfChild)).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(w.usersIn),
			builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WatchesRawSource(userSecrets(secrets, w.usersOfSecret)).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
}

func (r *ACLReconciler) setup(mgr manager.Manager) error {
	w := watches{Reader: mgr.GetClient()}
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.ACL{}).
		Watches(&v1alpha1.Broker{}, brokerHandler(w.aclsOfBroker)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(w.aclsOfChild)).
		WatchesMetadata(&corev1.Namespace{}, handler.EnqueueRequestsFromMapFunc(w.aclsIn),
			builder.WithPredicates(predicate.LabelChangedPredicate{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(r)
}
