package controllers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

var _ = Describe("a cluster that says no", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(map[string]string{"policy": "none"}) })

	It("is quoted in the conditions when a quota refuses a child, and asked again", func() {
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "full", Namespace: ns}}
		none := corev1.ResourceList{"count/statefulsets.apps": resource.MustParse("0")}
		quota.Spec.Hard = none
		Expect(cluster.Create(ctx, quota)).To(Succeed())
		quota.Status = corev1.ResourceQuotaStatus{Hard: none, Used: none} // as the quota controller does
		Expect(cluster.Status().Update(ctx, quota)).To(Succeed())

		b := newBroker(ns, nil)
		Eventually(conditionOf(b, v1alpha1.ConditionStalled)).Should(Equal("True Refused"))
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("False Refused"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(And(
			ContainSubstring("apply StatefulSet "+ns+"/edge"), ContainSubstring("exceeded quota: full")))

		Expect(cluster.Delete(ctx, quota)).To(Succeed())
		change(b, func(b *v1alpha1.Broker) { b.Labels = map[string]string{"wake": "up"} })
		startPod(b)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
	})

	It("is served in spite of a policy that changes the StatefulSet back", func() {
		seconds := `Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{terminationGracePeriodSeconds: 77}}}}`
		policy := &admissionv1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: ns}}
		match := admissionv1.Exact
		policy.Spec = admissionv1.MutatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				MatchPolicy:       &match,
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}},
				ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
					Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
					Rule:       admissionv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"statefulsets"}},
				}}},
			},
			ReinvocationPolicy: admissionv1.NeverReinvocationPolicy,
			Mutations: []admissionv1.Mutation{{
				PatchType:          admissionv1.PatchTypeApplyConfiguration,
				ApplyConfiguration: &admissionv1.ApplyConfiguration{Expression: seconds},
			}},
		}
		Expect(cluster.Create(ctx, policy)).To(Succeed())
		binding := &admissionv1.MutatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: ns}}
		binding.Spec.PolicyName = ns
		Expect(cluster.Create(ctx, binding)).To(Succeed())
		DeferCleanup(func() { Expect(cluster.Delete(ctx, policy)).To(Succeed(), "or it costs all who follow") })
		grace := func(sts *appsv1.StatefulSet) int64 { return *sts.Spec.Template.Spec.TerminationGracePeriodSeconds }
		Eventually(func() int64 { // until the policy is in force
			labels := map[string]string{"try": "it"}
			sts := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "try", Namespace: ns}}
			sts.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
			sts.Spec.Template.Labels = labels
			sts.Spec.Template.Spec.Containers = []corev1.Container{{Name: "a", Image: "a"}}
			Expect(cluster.Create(ctx, sts, client.DryRunAll)).To(Succeed())
			return grace(sts)
		}).Should(BeEquivalentTo(77))

		b := newReadyBroker(ns, nil)
		sts := &appsv1.StatefulSet{}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), sts)).To(Succeed())
		Expect(grace(sts)).To(BeEquivalentTo(77))
	})

	It("is waited for when a deleted Broker's children have not gone yet", func() {
		b := newReadyBroker(ns, nil)
		old := childrenOf(b)
		Expect(cluster.Delete(ctx, b)).To(Succeed()) // nobody collects garbage here
		Eventually(func() error { return cluster.Get(ctx, client.ObjectKeyFromObject(b), &v1alpha1.Broker{}) }).ShouldNot(Succeed())
		again := newBroker(ns, nil)
		Eventually(conditionOf(again, v1alpha1.ConditionReady)).Should(Equal("False WaitingForDeletion"))
		Expect(conditionOf(again, v1alpha1.ConditionStalled)()).To(BeEmpty())
		Expect(conditionOf(again, v1alpha1.ConditionReconciling)()).To(Equal("True WaitingForDeletion"))
		Expect(messageOf(again, v1alpha1.ConditionReady)()).To(Equal("Secret " + ns +
			"/edge-ca-key exists and belongs to a Broker of this name that was deleted: waiting until it is gone"))
		for _, o := range old {
			Expect(client.IgnoreNotFound(cluster.Delete(ctx, o))).To(Succeed())
		}
		Expect(client.IgnoreNotFound(cluster.Delete(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "edge-0", Namespace: ns}}, client.GracePeriodSeconds(0)))).To(Succeed())
		Eventually(func() bool { return len(childrenOf(again)) == len(old) }).Should(BeTrue())
		startPod(again)
		Eventually(conditionOf(again, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
	})
})

var _ = Describe("what the API server refuses", func() {
	statefulSets := schema.GroupResource{Group: "apps", Resource: "statefulsets"}
	ending := apierrors.NewForbidden(statefulSets, "edge", errors.New("it is being terminated"))
	ending.ErrStatus.Details.Causes = append(ending.ErrStatus.Details.Causes, metav1.StatusCause{Type: corev1.NamespaceTerminatingCause})
	DescribeTable("becomes a condition if it will not pass", func(err error, reason string) {
		fault := asFault(fmt.Errorf("apply it: %w", err))
		if reason == "" {
			Expect(fault).To(BeNil())
			return
		}
		Expect(fault.reason).To(Equal(reason))
		Expect(fault.message).To(HavePrefix("apply it: "))
	},
		Entry("a quota", apierrors.NewForbidden(statefulSets, "edge", errors.New("exceeded quota")), v1alpha1.ReasonRefused),
		Entry("a webhook", apierrors.NewBadRequest("admission webhook denied the request"), v1alpha1.ReasonRefused),
		Entry("too large", apierrors.NewRequestEntityTooLargeError("limit is 3 MiB"), v1alpha1.ReasonRefused),
		Entry("invalid", apierrors.NewInvalid(schema.GroupKind{Kind: "StatefulSet"}, "edge", nil), v1alpha1.ReasonInvalidConfig),
		Entry("a race", apierrors.NewConflict(statefulSets, "edge", errors.New("changed")), ""),
		Entry("a busy server", apierrors.NewTooManyRequests("later", 1), ""),
		Entry("a server that is down", apierrors.NewInternalError(errors.New("etcd")), ""),
		Entry("a namespace that goes", ending, ""),
	)

	It("is tried again, since nothing that is watched will say when it would be taken", func() {
		for _, reason := range []string{v1alpha1.ReasonRefused, v1alpha1.ReasonConflict, v1alpha1.ReasonWaitingForDeletion} {
			s := &brokerScope{fault: &faultError{reason: reason}}
			Expect(s.requeueAfter()).To(BeNumerically(">", 0), reason)
			Expect(appliedRequeue(no(reason, ""))).To(BeNumerically(">", 0), reason)
		}
	})
})

var _ = Describe("a message", func() {
	It("fits into a condition and an event, and stays text", func() {
		for _, limit := range []int{9, 10, 11, 12} {
			got := cut(strings.Repeat("ü", 100), limit)
			Expect(len(got)).To(BeNumerically("<=", limit))
			Expect(utf8.ValidString(got)).To(BeTrue())
			Expect(got).To(HaveSuffix("ü..."))
		}
		Expect(cut("short", 5)).To(Equal("short"))
		var conditions []metav1.Condition
		setCondition(&conditions, v1alpha1.ConditionReady, 1, no("R", strings.Repeat("x", 1<<20)))
		Expect(len(conditions[0].Message)).To(BeNumerically("<=", 32768))
	})
})

// A Broker in a namespace that the cache does not have can't be read: it is said, not tried for ever.
var _ = Describe("an operator of some namespaces", func() {
	It("says which Brokers it does not serve", func() {
		a := applier{namespaces: []string{"teams", "plant"}}
		_, fault, err := a.findBroker(ctx, v1alpha1.BrokerRef{Name: "edge", Namespace: "else"}, "plant")
		Expect(err).NotTo(HaveOccurred())
		Expect(fault.reason).To(Equal(v1alpha1.ReasonNamespaceNotServed))
		Expect(fault.message).To(Equal("Broker else/edge is in a namespace that this operator does not serve: it watches teams, plant"))
		Expect(stalledReasons[fault.reason]).To(BeTrue())
	})
})

// TestIssuedOnce: a pass whose cache has not seen what the last pass issued does not issue again.
func TestIssuedOnce(t *testing.T) {
	g := NewWithT(t)
	now := time.Now()
	ca, err := pki.NewCA("edge", now)
	g.Expect(err).NotTo(HaveOccurred())
	names := []string{"edge"}
	pair := func(at time.Time) *corev1.Secret {
		p, err := pki.IssueServer(ca, names, nil, time.Hour, at)
		g.Expect(err).NotTo(HaveOccurred())
		return &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "edge-server-tls", Namespace: "plant"},
			Data:       map[string][]byte{corev1.TLSCertKey: p.CertPEM, corev1.TLSPrivateKeyKey: p.KeyPEM},
		}
	}
	scheme, err := Scheme()
	g.Expect(err).NotTo(HaveOccurred())
	reader := func(s *corev1.Secret) client.Client {
		return fake.NewClientBuilder().WithScheme(scheme).WithObjects(s).Build()
	}
	stale, fresh := pair(now.Add(-time.Hour)), pair(now)
	r := &BrokerReconciler{applier: applier{Client: reader(stale), live: reader(fresh)}}
	s := &brokerScope{broker: &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: "plant"}}, authority: pki.Authority{Current: ca}, now: now}
	got, err := r.issued(context.Background(), s, stale.Name, names, time.Hour, func(pki.Pair) (pki.Pair, error) {
		return pki.Pair{}, errors.New("issued again")
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got.CertPEM).To(Equal(fresh.Data[corev1.TLSCertKey]))
	_, err = tls.X509KeyPair(got.CertPEM, got.KeyPEM)
	g.Expect(err).NotTo(HaveOccurred())
}
