package controllers

import (
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// What Flux, Helm's --wait and whoever else goes by kstatus make of an object: the same library says so here.
var _ = Describe("kstatus", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	// of polls what the library says of an object, as a stranger to its types sees it.
	of := func(o client.Object) func() status.Status {
		return func() status.Status {
			GinkgoHelper()
			gvk, err := apiutil.GVKForObject(o, cluster.Scheme())
			Expect(err).NotTo(HaveOccurred())
			u := &unstructured.Unstructured{}
			u.SetGroupVersionKind(gvk)
			if err := cluster.Get(ctx, client.ObjectKeyFromObject(o), u); err != nil {
				Expect(client.IgnoreNotFound(err)).To(Succeed())
				return status.NotFoundStatus
			}
			got, err := status.Compute(u)
			Expect(err).NotTo(HaveOccurred())
			return got.Status
		}
	}

	It("of a Broker follows its life", func() {
		b := newBroker(ns, nil)
		Expect(of(b)()).To(Equal(status.InProgressStatus), "before anybody has looked at it, or just after")
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("False PodsNotReady"))
		Expect(of(b)()).To(Equal(status.InProgressStatus))
		startPod(b)
		Eventually(of(b)).Should(Equal(status.CurrentStatus))

		By("being rolled out")
		change(b, func(b *v1alpha1.Broker) { b.Spec.MQTT.ReceiveMaximum = 7 })
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("False PodsNotReady"))
		Expect(of(b)()).To(Equal(status.InProgressStatus))
		settle(b)
		Eventually(of(b)).Should(Equal(status.CurrentStatus))

		By("loading a live change, which is done only when it is loaded")
		brokers.holdConfig(ns)
		DeferCleanup(brokers.release, ns)
		change(b, func(b *v1alpha1.Broker) { b.Spec.Limits.MaxConnections = 7 })
		Eventually(of(b)).Should(Equal(status.InProgressStatus))
		Consistently(of(b)).Should(Equal(status.InProgressStatus))
		brokers.release(ns)
		Eventually(of(b)).Should(Equal(status.CurrentStatus))

		By("having a mistake, which only its author can put right")
		change(b, func(b *v1alpha1.Broker) { b.Spec.TLS.SecretName = "missing" })
		Eventually(of(b)).Should(Equal(status.FailedStatus))
		change(b, func(b *v1alpha1.Broker) { b.Spec.TLS.SecretName = "" })
		Eventually(of(b)).Should(Equal(status.CurrentStatus))

		By("being stopped")
		change(b, func(b *v1alpha1.Broker) { b.Spec.Replicas = new(int32) })
		Expect(cluster.Delete(ctx, named(&corev1.Pod{}, ns, "edge-0"), client.GracePeriodSeconds(0))).To(Succeed())
		Eventually(func() status.Status { settle(b); return of(b)() }).Should(Equal(status.CurrentStatus))

		By("going")
		change(b, func(b *v1alpha1.Broker) { b.Finalizers = []string{"example.com/hold"} })
		Expect(cluster.Delete(ctx, b)).To(Succeed())
		Expect(of(b)()).To(Equal(status.TerminatingStatus))
		change(b, func(b *v1alpha1.Broker) { b.Finalizers = nil })
		Eventually(of(b)).Should(Equal(status.NotFoundStatus))
	})

	It("of a User follows its life", func() {
		u := newUser(ns, "alice", nil)
		Expect(of(u)()).NotTo(Equal(status.CurrentStatus))
		Eventually(of(u)).Should(Equal(status.FailedStatus), "there is no such Broker")
		b := newReadyBroker(ns, nil)
		Eventually(of(u)).Should(Equal(status.CurrentStatus))

		brokers.hold(ns, "an older revision")
		DeferCleanup(brokers.release, ns)
		change(u, func(u *v1alpha1.User) { u.Spec.Groups = []string{"g"} })
		Eventually(of(u)).Should(Equal(status.InProgressStatus))
		Consistently(of(u)).Should(Equal(status.InProgressStatus), "written is not loaded")
		brokers.release(ns)
		Eventually(of(u)).Should(Equal(status.CurrentStatus))

		change(u, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Suspended"))
		Expect(of(u)()).To(Equal(status.CurrentStatus), "it is as its spec asks for")
		change(u, func(u *v1alpha1.User) {
			u.Spec.Suspended = false
			u.Spec.Authentication.ClientCertificate = &v1alpha1.UserCertificate{}
		})
		Eventually(of(u)).Should(Equal(status.FailedStatus), "the Broker asks for no certificates")
		change(b, mutual)
		Eventually(func() status.Status { settle(b); return of(u)() }).Should(Equal(status.CurrentStatus))
	})

	It("of an ACL follows its life", func() {
		a := newACL(ns, "rules", "a/#")
		Expect(of(a)()).NotTo(Equal(status.CurrentStatus))
		Eventually(of(a)).Should(Equal(status.FailedStatus), "there is no such Broker")
		b := newBroker(ns, nil)
		Eventually(of(a)).Should(Equal(status.InProgressStatus), "it waits for the pods")
		startPod(b)
		Eventually(of(a)).Should(Equal(status.CurrentStatus))
		change(a, func(a *v1alpha1.ACL) { a.Spec.Rules[0].Topics = []string{"a/#/b"} })
		Eventually(of(a)).Should(Equal(status.FailedStatus))
		change(a, func(a *v1alpha1.ACL) { a.Spec.Rules[0].Topics = []string{"b/#"} })
		Eventually(of(a)).Should(Equal(status.CurrentStatus))
	})

	It("has no moment in which a change that was just made is said to be done", func() {
		b := newReadyBroker(ns, nil)
		u := newUser(ns, "alice", nil)
		Eventually(of(u)).Should(Equal(status.CurrentStatus))
		Eventually(of(b)).Should(Equal(status.CurrentStatus))
		resume := pause() // nobody has looked at what comes now
		DeferCleanup(resume)
		for _, o := range []client.Object{b, u} {
			change(o, func(o client.Object) {
				switch o := o.(type) {
				case *v1alpha1.Broker:
					o.Spec.MQTT.ReceiveMaximum = 7
				case *v1alpha1.User:
					o.Spec.Groups = []string{"g"}
				}
			})
			Expect(of(o)()).To(Equal(status.InProgressStatus), "%T", o)
		}
		Expect(b.Generation).To(BeNumerically(">", b.Status.ObservedGeneration))
		Expect(b.Status.Conditions).NotTo(ContainElement(HaveField("Status", metav1.ConditionUnknown)))
	})
})
