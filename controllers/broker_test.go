package controllers

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// childrenOf are all the objects that a Broker owns, by kind and name.
func childrenOf(b *v1alpha1.Broker) map[string]client.Object {
	GinkgoHelper()
	out := map[string]client.Object{}
	in := client.InNamespace(b.Namespace)
	var secrets corev1.SecretList
	var maps corev1.ConfigMapList
	var services corev1.ServiceList
	var sets appsv1.StatefulSetList
	var budgets policyv1.PodDisruptionBudgetList
	for _, list := range []client.ObjectList{&secrets, &maps, &services, &sets, &budgets} {
		Expect(cluster.List(ctx, list, in)).To(Succeed())
	}
	add := func(kind string, o client.Object) {
		if metav1.IsControlledBy(o, b) {
			out[kind+" "+o.GetName()] = o
		}
	}
	for i := range secrets.Items {
		add("Secret", &secrets.Items[i])
	}
	for i := range maps.Items {
		add("ConfigMap", &maps.Items[i])
	}
	for i := range services.Items {
		add("Service", &services.Items[i])
	}
	for i := range sets.Items {
		add("StatefulSet", &sets.Items[i])
	}
	for i := range budgets.Items {
		add("PodDisruptionBudget", &budgets.Items[i])
	}
	return out
}

var _ = Describe("a Broker", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	It("gets all its children and says where it is", func() {
		b := newReadyBroker(ns, nil)
		names := []string{}
		for name, child := range childrenOf(b) {
			names = append(names, name)
			Expect(child.GetLabels()).To(HaveKeyWithValue(v1alpha1.LabelBroker, "edge"))
			Expect(child.GetOwnerReferences()).To(HaveLen(1))
			Expect(child.GetFinalizers()).To(BeEmpty())
		}
		Expect(names).To(ConsistOf(
			"Secret edge-ca", "Secret edge-ca-key", "Secret edge-server-tls", "Secret edge-admin-tls", "Secret edge-admin",
			"Secret edge-operator-tls", "Secret edge-auth", "ConfigMap edge-config",
			"Service edge", "Service edge-pods", "StatefulSet edge", "PodDisruptionBudget edge",
		))
		Expect(secretData(ns, "edge-ca")()).To(HaveLen(1), "clients mount it: it must not hold a key")

		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
		Expect(b.Finalizers).To(BeEmpty())
		Expect(b.Status.ObservedGeneration).To(Equal(b.Generation))
		Expect(b.Status.Replicas).To(BeEquivalentTo(1))
		Expect(b.Status.ReadyReplicas).To(BeEquivalentTo(1))
		Expect(b.Status.Image).To(Equal(testImage))
		Expect(b.Status.Selector).To(Equal("app.kubernetes.io/instance=edge,app.kubernetes.io/name=dunlin-broker"))
		Expect(b.Status.Listeners).To(Equal([]v1alpha1.ListenerStatus{{Name: "mqtts", Address: "edge." + ns + ".svc:8883"}}))
		Expect(b.Status.CASecretName).To(Equal("edge-ca"))
		Expect(b.Status.CertificateNotAfter.Time).To(BeTemporally("~", clock.Now().Add(90*24*time.Hour), time.Hour))
		Expect(b.Status.AuthRevision).NotTo(BeEmpty())
		Expect(conditionOf(b, v1alpha1.ConditionReconciling)()).To(BeEmpty())
		Expect(conditionOf(b, v1alpha1.ConditionStalled)()).To(BeEmpty())
	})

	It("says Unknown until the operator has seen it, and not Ready until its pods serve", func() {
		b := newBroker(ns, nil)
		Expect(b.Status.Conditions).To(HaveLen(1))
		Expect(b.Status.Conditions[0].Status).To(Equal(metav1.ConditionUnknown))
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("False PodsNotReady"))
		Expect(conditionOf(b, v1alpha1.ConditionReconciling)()).To(Equal("True PodsNotReady"))
		Expect(conditionOf(b, v1alpha1.ConditionCertificatesReady)()).To(Equal("True AsExpected"))
	})

	It("issues certificates that its CA signed", func() {
		newReadyBroker(ns, nil)
		ca := secretData(ns, "edge-ca")()["ca.crt"]
		server := secretData(ns, "edge-server-tls")()
		_, err := pki.CheckPair(pki.Pair{CertPEM: server["tls.crt"], KeyPEM: server["tls.key"]}, ca,
			[]string{"edge." + ns + ".svc"}, clock.Now())
		Expect(err).NotTo(HaveOccurred())
	})

	It("writes nothing when nothing has changed", func() {
		b := newReadyBroker(ns, nil)
		alice := newUser(ns, "alice", nil)
		Eventually(conditionOf(alice, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Eventually(conditionOf(b, v1alpha1.ConditionReconciling)).Should(BeEmpty())
		versions := func() map[string]string {
			out := map[string]string{}
			for name, o := range childrenOf(b) {
				out[name] = o.GetResourceVersion()
			}
			return out
		}
		written := func() int { return len(writes.in(ns)) }
		Eventually(func(g Gomega) { g.Consistently(written).Should(Equal(written())) }).Should(Succeed())
		before, count := versions(), written()

		// A foreign annotation on a child wakes every pass that reads it, and is nobody's drift.
		for name, o := range childrenOf(b) {
			o.SetAnnotations(mergeMaps(o.GetAnnotations(), map[string]string{"example.com/wake": "up"}))
			Expect(cluster.Update(ctx, o)).To(Succeed())
			before[name] = o.GetResourceVersion()
		}
		connection := &corev1.Secret{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: "alice-mqtt"}, connection)).To(Succeed())
		connection.Annotations["example.com/wake"] = "up"
		Expect(cluster.Update(ctx, connection)).To(Succeed())

		Consistently(func() []string { return writes.in(ns)[count:] }, "1s").Should(BeEmpty())
		Expect(versions()).To(Equal(before))
	})

	It("repairs what was changed by hand, and leaves alone what it doesn't own", func() {
		b := newReadyBroker(ns, nil)
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: ns}}
		change(service, func(s *corev1.Service) {
			s.Spec.Ports[0].Port = 1
			s.Annotations = map[string]string{"example.com/mine": "stays"} // drops the operator's own
		})
		Eventually(func() int32 {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(service), service)).To(Succeed())
			return service.Spec.Ports[0].Port
		}).Should(BeEquivalentTo(8883))
		Expect(service.Annotations).To(HaveKeyWithValue("example.com/mine", "stays"))

		auth := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "edge-auth", Namespace: ns}}
		good := secretData(ns, "edge-auth")()
		change(auth, func(s *corev1.Secret) { s.Data["manifest.json"] = []byte("spoiled") })
		Eventually(secretData(ns, "edge-auth")).Should(Equal(good))

		Expect(cluster.Delete(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "edge-config", Namespace: ns}})).To(Succeed())
		Eventually(func() error {
			return cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: "edge-config"}, &corev1.ConfigMap{})
		}).Should(Succeed())

		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "edge-config", Namespace: ns}}
		change(config, func(c *corev1.ConfigMap) { delete(c.Labels, v1alpha1.LabelBroker) })
		Eventually(func() map[string]string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(config), config)).To(Succeed())
			return config.Labels
		}).Should(HaveKeyWithValue(v1alpha1.LabelBroker, "edge"), "one that fell out of the cache is found live")
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
	})

	It("keeps its CA and certificate when the operator restarts", func() {
		b := newReadyBroker(ns, nil)
		key, server := secretData(ns, "edge-ca-key")(), secretData(ns, "edge-server-tls")()
		restart()
		change(b, func(b *v1alpha1.Broker) { b.Spec.Service.Annotations = map[string]string{"a": "b"} })
		Eventually(func() int64 {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
			return b.Status.ObservedGeneration
		}).Should(Equal(b.Generation))
		Expect(secretData(ns, "edge-ca-key")()).To(Equal(key))
		Expect(secretData(ns, "edge-server-tls")()).To(Equal(server))
	})

	It("follows its spec: listeners, configuration, replicas", func() {
		b := newReadyBroker(ns, nil)
		sts := &appsv1.StatefulSet{}
		template := func() map[string]string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), sts)).To(Succeed())
			return sts.Spec.Template.Annotations
		}
		before := template()["mqtt.dunlin.dev/config-hash"]
		change(b, func(b *v1alpha1.Broker) { b.Spec.MQTT.ReceiveMaximum = 7 })
		Eventually(func() string { return template()["mqtt.dunlin.dev/config-hash"] }).ShouldNot(Equal(before))
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("False PodsNotReady"))
		settle(b)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))

		before = template()["mqtt.dunlin.dev/config-hash"]
		change(b, func(b *v1alpha1.Broker) { b.Spec.Persistence.Sync = "Memory" })
		Eventually(func() string { return template()["mqtt.dunlin.dev/config-hash"] }).ShouldNot(Equal(before))
		Expect(sts.Spec.VolumeClaimTemplates).To(HaveLen(1), "the volume stays")
		settle(b)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))

		change(b, func(b *v1alpha1.Broker) { b.Spec.Replicas = new(int32) })
		Eventually(func() int32 { template(); return *sts.Spec.Replicas }).Should(BeZero())
		Expect(cluster.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "edge-0", Namespace: ns}}, client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(func() string { settle(b); return conditionOf(b, v1alpha1.ConditionReady)() }).Should(Equal("True Stopped"))
	})

	It("renews its certificate after two thirds of its life, with the same CA", func() {
		b := newReadyBroker(ns, nil)
		ca, old := secretData(ns, "edge-ca")(), secretData(ns, "edge-server-tls")()
		clock.Advance(61 * 24 * time.Hour)
		change(b, func(b *v1alpha1.Broker) { b.Spec.Service.Annotations = map[string]string{"wake": "up"} })
		Eventually(secretData(ns, "edge-server-tls")).ShouldNot(Equal(old))
		Expect(secretData(ns, "edge-ca")()).To(Equal(ca))
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
	})

	It("does not touch an object of a child's name that isn't its own", func() {
		theirs := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "edge-auth", Namespace: ns}, Data: map[string][]byte{"a": []byte("b")},
		}
		Expect(cluster.Create(ctx, theirs)).To(Succeed())
		b := newBroker(ns, nil)
		Eventually(conditionOf(b, v1alpha1.ConditionStalled)).Should(Equal("True NameConflict"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(Equal(
			"Secret " + ns + "/edge-auth exists and is not the operator's: delete or rename it"))
		Expect(secretData(ns, "edge-auth")()).To(Equal(theirs.Data))
	})

	It("shows why the API server refuses what its pod template asks for", func() {
		b := newBroker(ns, func(b *v1alpha1.Broker) {
			b.Spec.PodTemplate.Tolerations = []corev1.Toleration{{Key: "not a key", Operator: corev1.TolerationOpExists}}
		})
		Eventually(conditionOf(b, v1alpha1.ConditionStalled)).Should(Equal("True InvalidConfig"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(ContainSubstring("tolerations"))
	})
})

func mergeMaps(a, b map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		out[k] = v
	}
	return out
}
