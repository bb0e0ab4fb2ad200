package controllers

import (
	"crypto/x509"
	"encoding/pem"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// Each fault of docs/faults.md that needs a clock or a pod of its own.
var _ = Describe("a fleet meets a fault", Ordered, ContinueOnFailure, func() {
	withoutOperator()
	const day = 24 * time.Hour
	var ns string
	var operator *passes
	var b *v1alpha1.Broker
	var ahead time.Duration // of the operator's clock
	BeforeEach(func() {
		ns, ahead = newNamespace(nil), 0
		DeferCleanup(abandon, ns)
		fleet(ns)
		operator = newPasses(ns)
		operator.now = func() time.Time { return time.Now().Add(ahead) }
		Expect(operator.settle()).To(Succeed())
		b = named(&v1alpha1.Broker{}, ns, "edge")
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
	})
	settle := func() { GinkgoHelper(); Expect(operator.settle()).To(Succeed()) }
	// good says whether a pair can be used now, and was signed by the CA that clients trust.
	good := func(secret string) error {
		d := secretData(ns, secret)()
		_, err := pki.CheckPair(pki.Pair{CertPEM: d["tls.crt"], KeyPEM: d["tls.key"]}, secretData(ns, "edge-ca")()["ca.crt"], nil, operator.now())
		return err
	}
	serial := func(secret string) string {
		GinkgoHelper()
		leaf, err := pki.Leaf(secretData(ns, secret)()["tls.crt"])
		Expect(err).NotTo(HaveOccurred())
		return leaf.SerialNumber.Text(16)
	}
	revoked := func() (serials []string) {
		GinkgoHelper()
		block, _ := pem.Decode(secretData(ns, "edge-client-ca")()["ca.crl"])
		list, err := x509.ParseRevocationList(block.Bytes)
		Expect(err).NotTo(HaveOccurred())
		for _, r := range list.RevokedCertificateEntries {
			serials = append(serials, r.SerialNumber.Text(16))
		}
		return serials
	}
	restartPod := func() {
		GinkgoHelper()
		Expect(cluster.Delete(ctx, named(&corev1.Pod{}, ns, "edge-0"), client.GracePeriodSeconds(0))).To(Succeed())
	}

	It("half a key pair: its own is issued anew, a half CA is named", func() {
		for _, secret := range []string{"edge-server-tls", "edge-admin-tls", "edge-operator-tls", "alice-mqtt"} {
			change(named(&corev1.Secret{}, ns, secret), func(s *corev1.Secret) { s.Data["tls.key"] = []byte{} })
			settle()
			Expect(good(secret)).To(Succeed(), secret)
			Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
		}
		change(named(&corev1.Secret{}, ns, "edge-ca-key"), func(s *corev1.Secret) { s.Data["tls.key"] = []byte{} })
		settle()
		Expect(conditionOf(b, v1alpha1.ConditionStalled)()).To(Equal("True InvalidCertificate"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(And(ContainSubstring("edge-ca-key"), ContainSubstring("delete the Secret to get a new CA")))
		Expect(good("edge-server-tls")).To(Succeed(), "clients are served as before")
	})

	It("an expired CA: nobody is served by it, the status says what to do, and doing it helps", func() {
		before := bundleText(ns)()
		ahead = 11 * 365 * day
		settle()
		Expect(conditionOf(b, v1alpha1.ConditionStalled)()).To(Equal("True InvalidCertificate"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(And(ContainSubstring("expired"), HaveSuffix("delete the Secret to get a new CA")))
		Expect(bundleText(ns)()).To(Equal(before))

		By("shutting out a user all the same")
		change(named(&v1alpha1.User{}, ns, "bob"), func(u *v1alpha1.User) { u.Spec.Suspended = true })
		settle()
		Expect(bundleText(ns)()).NotTo(ContainSubstring("bob:"))

		Expect(cluster.Delete(ctx, named(&corev1.Secret{}, ns, "edge-ca-key"))).To(Succeed())
		settle()
		for _, secret := range []string{"edge-server-tls", "edge-admin-tls", "edge-operator-tls", "alice-mqtt"} {
			Expect(good(secret)).To(Succeed(), secret)
		}
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
		Expect(conditionOf(named(&v1alpha1.User{}, ns, "alice"), v1alpha1.ConditionReady)()).To(Equal("True Applied"))
	})

	It("a clock that jumps ahead over a renewal, and back: all is good again, and who is revoked stays revoked", func() {
		ca, password := secretData(ns, "edge-ca-key")(), secretData(ns, "alice-mqtt")()["password"]
		bob := serial("bob-mqtt")
		Expect(cluster.Delete(ctx, named(&v1alpha1.User{}, ns, "bob"))).To(Succeed())
		Expect(cluster.Delete(ctx, named(&corev1.Secret{}, ns, "bob-mqtt"))).To(Succeed()) // the garbage collector's work
		settle()
		Expect(revoked()).To(ContainElement(bob))
		for _, jump := range []time.Duration{61 * day, 400 * day} {
			before := serial("edge-server-tls")
			ahead = jump
			settle()
			Expect(serial("edge-server-tls")).NotTo(Equal(before))
			ahead = 0
			settle()
			for _, secret := range []string{"edge-server-tls", "edge-admin-tls", "edge-operator-tls", "alice-mqtt"} {
				Expect(good(secret)).To(Succeed(), secret)
			}
			Expect(revoked()).To(ContainElement(bob), "its certificate would be good again")
			Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
		}
		Expect(secretData(ns, "edge-ca-key")()).To(Equal(ca))
		Expect(secretData(ns, "alice-mqtt")()["password"]).To(Equal(password))
	})

	It("a pod that is killed in the midst of a rotation: the next one is told all, and nothing is made twice", func() {
		first := secretData(ns, "alice-mqtt")()["password"]
		change(b, func(b *v1alpha1.Broker) {
			metav1.SetMetaDataAnnotation(&b.ObjectMeta, v1alpha1.AnnotationRotateCA, "1")
		})
		change(named(&v1alpha1.User{}, ns, "alice"), func(u *v1alpha1.User) {
			metav1.SetMetaDataAnnotation(&u.ObjectMeta, v1alpha1.AnnotationRotatePassword, "1")
		})
		Expect(operator.round()).To(Succeed())
		next, second := secretData(ns, "edge-ca-key")()["next.crt"], secretData(ns, "alice-mqtt")()["password"]
		Expect(next).NotTo(BeEmpty())
		Expect(second).NotTo(Equal(first))
		restartPod()
		settle()
		ahead = 25 * time.Hour
		Expect(operator.round()).To(Succeed()) // the next CA signs
		restartPod()
		settle()
		Expect(secretData(ns, "edge-ca-key")()["tls.crt"]).To(Equal(next))
		Expect(secretData(ns, "alice-mqtt")()["password"]).To(Equal(second))
		Expect(good("edge-server-tls")).To(Succeed())
		pod := named(&corev1.Pod{}, ns, "edge-0")
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		Expect(pod.Annotations).To(And(HaveKey(v1alpha1.AnnotationAuthRevision), HaveKey(v1alpha1.AnnotationClientTrust)))
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
		Expect(conditionOf(named(&v1alpha1.User{}, ns, "alice"), v1alpha1.ConditionReady)()).To(Equal("True Applied"))
	})

	It("a node that is drained: the pod may go, the status says where it hangs, and users stay applied", func() {
		budget := named(&policyv1.PodDisruptionBudget{}, ns, "edge")
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(budget), budget)).To(Succeed())
		budget.Status = policyv1.PodDisruptionBudgetStatus{ // as its controller computes it from the spec
			ObservedGeneration: budget.Generation, CurrentHealthy: 1, ExpectedPods: 1,
			DesiredHealthy: 1 - budget.Spec.MaxUnavailable.IntVal, DisruptionsAllowed: budget.Spec.MaxUnavailable.IntVal,
		}
		Expect(cluster.Status().Update(ctx, budget)).To(Succeed())
		pod := named(&corev1.Pod{}, ns, "edge-0")
		Expect(cluster.SubResource("eviction").Create(ctx, pod, &policyv1.Eviction{
			DeleteOptions: &metav1.DeleteOptions{GracePeriodSeconds: new(int64)}})).To(Succeed())
		Expect(client.IgnoreNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(pod), pod))).To(Succeed())
		Expect(operator.round()).To(Succeed())
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("False PodsNotReady"))

		moveWorld(ns)
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		pod.Status.Conditions = []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionFalse},
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/1 nodes are available: 1 node(s) were unschedulable."},
		}
		Expect(cluster.Status().Update(ctx, pod)).To(Succeed())
		Expect(operator.round()).To(Succeed())
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(Equal(
			"Pod edge-0 cannot be scheduled: 0/1 nodes are available: 1 node(s) were unschedulable."))
		Expect(conditionOf(named(&v1alpha1.User{}, ns, "alice"), v1alpha1.ConditionReady)()).To(Equal("True Applied"))
		settle()
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
	})

	It("a full volume: the broker's own words say so, and what to do", func() {
		pod := named(&corev1.Pod{}, ns, "edge-0")
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "broker", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
		Expect(cluster.Status().Update(ctx, pod)).To(Succeed())
		brokers.excuseWith(ns, "write the log: the store is full")
		Expect(operator.round()).To(Succeed())
		Expect(conditionOf(b, v1alpha1.ConditionStalled)()).To(Equal("True StoreFull"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(Equal("Pod edge-0 takes no more messages: write the log: the store is full: " +
			"raise spec.persistence.size, or end sessions that nobody comes back to"))

		brokers.excuseWith(ns, "loading the sessions")
		Expect(operator.round()).To(Succeed())
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("False PodsNotReady"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(Equal("Pod edge-0 is not ready: loading the sessions"))
		brokers.excuseWith(ns, "")
		settle()
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
	})
})
