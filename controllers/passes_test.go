package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// passes is an operator without a manager: a test has it make one pass after the other, so that it can
// end between any two writes. Its cache of Secrets is of the moment when a pass began, and of all else there is none: it sees
// what an operator would whose watches are only just behind.
type passes struct {
	namespace string
	// fate is asked before the write with that number, from 1; after it, if it is done. Zero: all goes well.
	before, after func(write int) error
	now           func() time.Time
	// written is what was sent, and tried how often something was to be: fate and others may have had it otherwise.
	written []string
	tried   int
	secrets map[client.ObjectKey]*corev1.Secret

	broker, user, acl reconcile.Reconciler
}

// errKilled ends whatever a killed operator was doing.
var errKilled = errors.New("the operator was killed")

// withoutOperator stops the suite's operator for the specs of a container.
func withoutOperator() {
	BeforeEach(OncePerOrdered, func() {
		start := pause()
		DeferCleanup(start)
	})
}

// newPasses is a fresh operator of one namespace.
func newPasses(namespace string) *passes {
	GinkgoHelper()
	p := &passes{namespace: namespace, now: time.Now}
	c := interceptor.NewClient(cluster, p.calls())
	measured, err := newInstruments(prometheus.NewRegistry(), c)
	Expect(err).NotTo(HaveOccurred())
	a := applier{Client: c, live: cluster}
	report := reporter{Client: c, events: &events.FakeRecorder{}}
	now := func() time.Time { return p.now() }
	p.broker = &BrokerReconciler{
		applier: a, reporter: report, image: testImage, prober: brokers, now: now, loads: &loads{}, kinds: &kinds{}, metrics: measured,
	}
	p.user = &UserReconciler{applier: a, reporter: report, metrics: measured, now: now}
	p.acl = &ACLReconciler{applier: a, reporter: report, metrics: measured, now: now}
	return p
}

// killAfter ends the operator when it has made so many writes.
func (p *passes) killAfter(writes int) *passes {
	p.before = func(n int) error {
		if n > writes {
			return errKilled
		}
		return nil
	}
	return p
}

// calls counts what the operator asks of the API server, and lets fate decide about its writes.
func (p *passes) calls() interceptor.Funcs {
	write := func(what string, send func() error) error {
		p.tried++
		n := len(p.written) + 1
		if p.before != nil {
			if err := p.before(n); err != nil {
				return err
			}
		}
		p.written = append(p.written, what)
		if err := send(); err != nil || p.after == nil {
			return err
		}
		return p.after(n)
	}
	name := func(verb string, o any) string {
		if u, ok := o.(interface{ GetKind() string }); ok && u.GetKind() != "" {
			return fmt.Sprintf("%s %s %s", verb, u.GetKind(), o.(interface{ GetName() string }).GetName())
		}
		return fmt.Sprintf("%s %T %s", verb, o, o.(interface{ GetName() string }).GetName())
	}
	return interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			secret, ok := o.(*corev1.Secret)
			if !ok {
				return c.Get(ctx, key, o, opts...)
			}
			cached, ok := p.secrets[key]
			if !ok {
				return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
			}
			cached.DeepCopyInto(secret)
			return nil
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return listIndexed(ctx, c, p.namespace, list, opts...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return write(name("create", o), func() error { return c.Create(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return write(name("delete", o), func() error { return c.Delete(ctx, o, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return write(name("update", o), func() error { return c.Update(ctx, o, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return write(name("patch", o), func() error { return c.Patch(ctx, o, patch, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return write(name("apply", o), func() error { return c.Apply(ctx, o, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
			return write(name("patch "+sub+" of", o), func() error { return c.SubResource(sub).Patch(ctx, o, patch, opts...) })
		},
	}
}

// listIndexed lists by the cache's indexes, of which the API server knows nothing, within a namespace.
func listIndexed(ctx context.Context, c client.Reader, namespace string, list client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	if o.FieldSelector == nil {
		return c.List(ctx, list, opts...)
	}
	by := o.FieldSelector.Requirements()[0]
	value := indexes.values[fmt.Sprintf("%T", list)+"/"+by.Field]
	if value == nil { // one that the API server has
		return c.List(ctx, list, opts...)
	}
	if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	var kept []runtime.Object
	for _, item := range items {
		for _, v := range value(item.(client.Object)) {
			if v == by.Value {
				kept = append(kept, item)
			}
		}
	}
	return meta.SetList(list, kept)
}

// indexes are the cache's, as addIndexes makes them.
var indexes = func() recordedIndexes {
	r := recordedIndexes{map[string]client.IndexerFunc{}}
	if err := addIndexes(context.Background(), r); err != nil {
		panic(err)
	}
	return r
}()

type recordedIndexes struct{ values map[string]client.IndexerFunc }

func (r recordedIndexes) IndexField(_ context.Context, o client.Object, field string, value client.IndexerFunc) error {
	r.values[fmt.Sprintf("%TList/%s", o, field)] = value
	return nil
}

// settle makes passes over everything until a round of them would write nothing and nothing has happened to the pods.
func (p *passes) settle() error {
	GinkgoHelper()
	for range 30 {
		before := p.tried
		if err := p.round(); err != nil {
			return err
		}
		if moved := moveWorld(p.namespace); !moved && p.tried == before {
			return nil
		}
	}
	return fmt.Errorf("no end of it after %d writes, the last: %v", len(p.written), p.written[max(0, len(p.written)-5):])
}

// look fills the cache.
func (p *passes) look() error {
	var list corev1.SecretList
	if err := cluster.List(ctx, &list, client.InNamespace(p.namespace), client.HasLabels{v1alpha1.LabelBroker}); err != nil {
		return err
	}
	p.secrets = make(map[client.ObjectKey]*corev1.Secret, len(list.Items))
	for i := range list.Items {
		p.secrets[client.ObjectKeyFromObject(&list.Items[i])] = &list.Items[i]
	}
	return nil
}

// round is a pass over each object.
func (p *passes) round() error {
	var brokers v1alpha1.BrokerList
	var users v1alpha1.UserList
	var acls v1alpha1.ACLList
	for _, list := range []client.ObjectList{&brokers, &users, &acls} {
		if err := cluster.List(ctx, list, client.InNamespace(p.namespace)); err != nil {
			return err
		}
	}
	work := []struct {
		by   reconcile.Reconciler
		over []reconcile.Request
	}{{p.broker, requestsFor(brokers.Items)}, {p.user, requestsFor(users.Items)}, {p.acl, requestsFor(acls.Items)}}
	for _, w := range work {
		for _, req := range w.over {
			if err := p.look(); err != nil {
				return err
			}
			if _, err := w.by.Reconcile(ctx, req); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveWorld does what the cluster's own controllers and the kubelet would do next in a namespace, and says whether that
// was anything: orphaned StatefulSets go, pods are made or adopted, run, and are at the current generation.
func moveWorld(namespace string) (moved bool) {
	GinkgoHelper()
	var sets appsv1.StatefulSetList
	Expect(cluster.List(ctx, &sets, client.InNamespace(namespace))).To(Succeed())
	for i := range sets.Items {
		sts := &sets.Items[i]
		if sts.DeletionTimestamp != nil {
			Expect(sts.Finalizers).To(ConsistOf(metav1.FinalizerOrphanDependents), "or its pods and volumes would go with it")
			sts.Finalizers = nil
			Expect(cluster.Update(ctx, sts)).To(Succeed())
			moved = true
			continue
		}
		for ordinal := range int(*sts.Spec.Replicas) {
			moved = runPod(sts, ordinal) || moved
		}
		moved = settleSet(sts) || moved
	}
	return moved
}

// runPod has the pod of a StatefulSet exist, be its own, and be ready.
func runPod(sts *appsv1.StatefulSet, ordinal int) (moved bool) {
	GinkgoHelper()
	owner := *metav1.NewControllerRef(sts, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))
	pod := &corev1.Pod{}
	err := cluster.Get(ctx, client.ObjectKey{Namespace: sts.Namespace, Name: fmt.Sprintf("%s-%d", sts.Name, ordinal)}, pod)
	if client.IgnoreNotFound(err) != nil {
		Fail(err.Error())
	}
	if err != nil {
		*pod = corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-%d", sts.Name, ordinal), Namespace: sts.Namespace, Labels: sts.Spec.Template.Labels,
			OwnerReferences: []metav1.OwnerReference{owner},
		}, Spec: *sts.Spec.Template.Spec.DeepCopy()}
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data"})
		Expect(cluster.Create(ctx, pod)).To(Succeed())
		moved = true
	}
	if !metav1.IsControlledBy(pod, sts) {
		pod.OwnerReferences = []metav1.OwnerReference{owner}
		Expect(cluster.Update(ctx, pod)).To(Succeed())
		moved = true
	}
	if !podReady(pod) {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		Expect(cluster.Status().Update(ctx, pod)).To(Succeed())
		moved = true
	}
	return moved
}

// settleSet has the StatefulSet's status say that its pods are at the current generation.
func settleSet(sts *appsv1.StatefulSet) (moved bool) {
	GinkgoHelper()
	n := *sts.Spec.Replicas
	if sts.Status.ObservedGeneration == sts.Generation && sts.Status.ReadyReplicas == n {
		return false
	}
	sts.Status = appsv1.StatefulSetStatus{
		ObservedGeneration: sts.Generation, Replicas: n, ReadyReplicas: n, UpdatedReplicas: n, AvailableReplicas: n,
		CurrentRevision: "edge-1", UpdateRevision: "edge-1",
	}
	Expect(cluster.Status().Update(ctx, sts)).To(Succeed())
	return true
}
