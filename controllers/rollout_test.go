package controllers

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// annotate sets, or with "" takes away, an annotation of a Broker.
func annotate(b *v1alpha1.Broker, name, value string) {
	GinkgoHelper()
	change(b, func(b *v1alpha1.Broker) {
		if b.Annotations == nil {
			b.Annotations = map[string]string{}
		}
		b.Annotations[name] = value
		if value == "" {
			delete(b.Annotations, name)
		}
	})
}

var _ = Describe("a rollout", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })
	template := func(b *v1alpha1.Broker) corev1.PodTemplateSpec {
		GinkgoHelper()
		sts := &appsv1.StatefulSet{}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), sts)).To(Succeed())
		return sts.Spec.Template
	}

	It("is asked for by an annotation, once for each value of it", func() {
		b := newReadyBroker(ns, nil)
		Expect(conditionOf(b, v1alpha1.ConditionRestarted)()).To(BeEmpty())
		annotate(b, v1alpha1.AnnotationRestartedAt, "2026-07-01")
		Eventually(func() map[string]string { return template(b).Annotations }).Should(
			HaveKeyWithValue(v1alpha1.AnnotationRestartedAt, "2026-07-01"))
		Eventually(conditionOf(b, v1alpha1.ConditionRestarted)).Should(Equal("False Progressing"))
		settle(b)
		Eventually(conditionOf(b, v1alpha1.ConditionRestarted)).Should(Equal("True AsExpected"))
		Expect(messageOf(b, v1alpha1.ConditionRestarted)()).To(Equal("The pods are of 2026-07-01 or later"))
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))

		annotate(b, v1alpha1.AnnotationRestartedAt, "")
		Eventually(conditionOf(b, v1alpha1.ConditionRestarted)).Should(BeEmpty())
		Consistently(func() map[string]string { return template(b).Annotations }).Should(
			HaveKeyWithValue(v1alpha1.AnnotationRestartedAt, "2026-07-01"), "to take it away is no reason to restart")
	})

	It("does not happen for what a running broker takes live, which is Ready when the broker has taken it", func() {
		b := newReadyBroker(ns, nil)
		before := template(b)
		brokers.holdConfig(ns)
		change(b, func(b *v1alpha1.Broker) {
			b.Spec.Limits.MaxConnections = 7
			b.Spec.Authentication.AllowAnonymous = true
			b.Spec.Authorization.DefaultPolicy = "Allow"
			b.Spec.Authorization.Enforcement = "Audit"
			b.Spec.Drain.DisconnectsPerSecond = new(int32(5))
			b.Spec.Log.Level = "Debug"
			b.Spec.Listeners[0].MaxConnections = 9
		})
		Eventually(func() string { return configOf(ns) }).Should(And(
			ContainSubstring("maxConnections: 7"), ContainSubstring("maxConnections: 9"), ContainSubstring("level: Debug"), ContainSubstring("enforcement: Audit")))
		Eventually(conditionOf(b, v1alpha1.ConditionNotEnforced)).Should(Equal("True Audit"))
		Eventually(messageOf(b, v1alpha1.ConditionReconciling)).Should(Equal("Pod edge-0 is loading the current configuration"))
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
		alice := newUser(ns, "alice", nil)
		Eventually(conditionOf(alice, v1alpha1.ConditionReady)).Should(Equal("True Applied"), "users don't wait for the configuration")
		brokers.release(ns)
		Eventually(conditionOf(b, v1alpha1.ConditionReconciling)).Should(BeEmpty())
		Expect(template(b)).To(Equal(before))
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
		change(b, func(b *v1alpha1.Broker) { b.Spec.Authorization.Enforcement = "Enforce" })
		Eventually(conditionOf(b, v1alpha1.ConditionNotEnforced)).Should(BeEmpty())
		Eventually(conditionOf(b, v1alpha1.ConditionReconciling)).Should(BeEmpty())
		pod := &corev1.Pod{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: "edge-0"}, pod)).To(Succeed())
		Expect(pod.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationConfigRevision, config.Revision([]byte(configOf(ns)))))
	})

	It("waits while the Broker is paused, and users and rules do not", func() {
		b := newReadyBroker(ns, nil)
		annotate(b, v1alpha1.AnnotationPaused, "true")
		Eventually(conditionOf(b, v1alpha1.ConditionPaused)).Should(Equal("True Paused"))
		Expect(messageOf(b, v1alpha1.ConditionPaused)()).To(HaveSuffix("nothing waits to be changed"))
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))

		before, file := template(b), configOf(ns)
		change(b, func(b *v1alpha1.Broker) {
			b.Spec.MQTT.ReceiveMaximum = 7
			b.Spec.Service.Type = corev1.ServiceTypeNodePort
		})
		Eventually(messageOf(b, v1alpha1.ConditionPaused)).Should(
			HaveSuffix("not brought to what the spec says: ConfigMap edge-config, Service edge, StatefulSet edge"))
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True Paused"))
		Expect(conditionOf(b, v1alpha1.ConditionReconciling)()).To(Equal("True Progressing"))
		alice := newUser(ns, "alice", nil)
		Eventually(conditionOf(alice, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(template(b)).To(Equal(before))
		Expect(configOf(ns)).To(Equal(file))

		annotate(b, v1alpha1.AnnotationPaused, "")
		Eventually(conditionOf(b, v1alpha1.ConditionPaused)).Should(BeEmpty())
		Eventually(func() corev1.PodTemplateSpec { return template(b) }).ShouldNot(Equal(before))
		Eventually(func() string { settle(b); return conditionOf(b, v1alpha1.ConditionReady)() }).Should(Equal("True AsExpected"))
	})

	// fail puts a pod's container into a state, as the kubelet does.
	fail := func(b *v1alpha1.Broker, status corev1.ContainerStatus) {
		GinkgoHelper()
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: b.Name + "-0", Namespace: ns}}
		Eventually(func() error {
			if err := cluster.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
				return err
			}
			status.Name, status.Image = "broker", pod.Spec.Containers[0].Image
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{status}
			return cluster.Status().Update(ctx, pod)
		}).Should(Succeed())
	}
	ended := func(code int32, restarts int32, words string) corev1.ContainerStatus {
		return corev1.ContainerStatus{
			RestartCount: restarts,
			State:        corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: code, Message: words, StartedAt: metav1.Now(), FinishedAt: metav1.Now(), ContainerID: "test://a",
			}},
		}
	}

	DescribeTable("that fails says why, in the broker's or the registry's words", func(status corev1.ContainerStatus, reason, message string, stalled bool) {
		b := newReadyBroker(ns, nil)
		fail(b, status)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("False " + reason))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(Equal("Pod edge-0 " + message))
		if stalled {
			Expect(conditionOf(b, v1alpha1.ConditionStalled)()).To(Equal("True " + reason))
			Expect(conditionOf(b, v1alpha1.ConditionReconciling)()).To(BeEmpty())
		} else {
			Expect(conditionOf(b, v1alpha1.ConditionStalled)()).To(BeEmpty())
		}
		startPod(b)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
		Expect(conditionOf(b, v1alpha1.ConditionStalled)()).To(BeEmpty())
	},
		Entry("no such image", corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{
			Reason: "ImagePullBackOff", Message: `Back-off pulling image "x": ErrImagePull: not found`}}},
			v1alpha1.ReasonImageUnavailable, "cannot get its image dunlin-broker:test: not found", true),
		Entry("a configuration that it refuses", ended(2, 1, `{"time":"2026-07-01T00:00:00Z","level":"INFO","msg":"hello"}
{"time":"2026-07-01T00:00:01Z","level":"ERROR","msg":"configuration refused","reason":"listeners[0].port: 1"}
`), v1alpha1.ReasonBrokerFails, "refuses its configuration: configuration refused: listeners[0].port: 1", true),
		Entry("a first end", ended(1, 1, "panic: oh\x1b[0m"), v1alpha1.ReasonPodsNotReady, "keeps ending with exit code 1: panic: oh [0m", false),
		Entry("an end after the other", ended(1, 3, "the disk is not ours"), v1alpha1.ReasonBrokerFails,
			"keeps ending with exit code 1: the disk is not ours", true),
	)

	It("says why there is no pod, which only an event tells", func() {
		b := newBroker(ns, nil)
		sts := &appsv1.StatefulSet{}
		Eventually(func() error { return cluster.Get(ctx, client.ObjectKeyFromObject(b), sts) }).Should(Succeed())
		tell := func(name, reason, message string, at time.Time) {
			Expect(cluster.Create(ctx, &corev1.Event{
				ObjectMeta:     metav1.ObjectMeta{Name: name, Namespace: ns},
				InvolvedObject: corev1.ObjectReference{Kind: "StatefulSet", Namespace: ns, Name: sts.Name, UID: sts.UID, APIVersion: "apps/v1"},
				Type:           corev1.EventTypeWarning, Reason: reason, Message: message, LastTimestamp: metav1.NewTime(at),
			})).To(Succeed())
		}
		tell("old", "SuccessfulCreate", "create Pod edge-0", time.Now().Add(-time.Hour))
		tell("new", "FailedCreate", "exceeded quota: pods", time.Now())
		sts.Status.ObservedGeneration = sts.Generation
		Expect(cluster.Status().Update(ctx, sts)).To(Succeed())
		Eventually(conditionOf(b, v1alpha1.ConditionStalled)).Should(Equal("True PodRefused"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(Equal("There is no pod: exceeded quota: pods"))
		startPod(b)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
	})
})

// configOf is the broker's configuration file.
func configOf(ns string) string {
	GinkgoHelper()
	c := &corev1.ConfigMap{}
	Expect(cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: "edge-config"}, c)).To(Succeed())
	return c.Data["config.yaml"]
}
