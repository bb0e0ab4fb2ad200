package controllers

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

var _ = Describe("an ACL", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	It("is applied when the pods have loaded it, and out once deleted", func() {
		newReadyBroker(ns, nil)
		brokers.hold(ns, "an older revision")
		DeferCleanup(brokers.release, ns)
		a := newACL(ns, "sensors", "sensors/#", "${username}/+")
		Eventually(conditionOf(a, v1alpha1.ConditionApplied)).Should(Equal("False WaitingForPods"))
		brokers.release(ns)
		Eventually(conditionOf(a, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(bundleText(ns)()).To(ContainSubstring("sensors/#"))

		change(a, func(a *v1alpha1.ACL) { a.Spec.Rules[0].Topics = []string{"other/#"} })
		Eventually(bundleText(ns)).Should(And(ContainSubstring("other/#"), Not(ContainSubstring("sensors/#"))))
		Eventually(conditionOf(a, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(cluster.Delete(ctx, a)).To(Succeed())
		Eventually(bundleText(ns)).Should(Equal("{}"))
	})

	It("names a Broker that doesn't exist, and is picked up when it appears", func() {
		a := newACL(ns, "sensors", "sensors/#")
		Eventually(conditionOf(a, v1alpha1.ConditionStalled)).Should(Equal("True BrokerNotFound"))
		Expect(messageOf(a, v1alpha1.ConditionReady)()).To(Equal("Broker " + ns + "/edge does not exist"))
		newReadyBroker(ns, nil)
		Eventually(conditionOf(a, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(conditionOf(a, v1alpha1.ConditionStalled)()).To(BeEmpty())
	})

	It("that is not valid is named, and what it last said stays in force", func() {
		newReadyBroker(ns, nil)
		a := newACL(ns, "sensors", "sensors/#")
		Eventually(conditionOf(a, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		change(a, func(a *v1alpha1.ACL) { a.Spec.Rules[0].Topics = []string{"sensors/#/x"} })
		Eventually(conditionOf(a, v1alpha1.ConditionStalled)).Should(Equal("True InvalidRules"))
		Expect(messageOf(a, v1alpha1.ConditionReady)()).To(HavePrefix(`spec.rules[0].topics[0]: "sensors/#/x": `))
		newACL(ns, "other", "other/#")
		Eventually(bundleText(ns)).Should(And(ContainSubstring("other/#"), ContainSubstring(`sensors/#\"`)))

		bad := newACL(ns, "bad", "${shoesize}/x")
		Eventually(messageOf(bad, v1alpha1.ConditionReady)).Should(ContainSubstring("unknown variable ${shoesize}"))
		Expect(bundleText(ns)()).NotTo(ContainSubstring("shoesize"))
	})

	It("needs the Broker's consent from another namespace", func() {
		b := newReadyBroker(ns, nil)
		other := newNamespace(nil)
		a := &v1alpha1.ACL{}
		*a = *newACL(ns, "template", "x")
		a.ObjectMeta = metav1.ObjectMeta{Name: "foreign", Namespace: other}
		a.Spec.BrokerRef.Namespace = ns
		a.Spec.Rules[0].Topics = []string{"foreign/#"}
		Expect(cluster.Create(ctx, a)).To(Succeed())
		Eventually(conditionOf(a, v1alpha1.ConditionStalled)).Should(Equal("True NamespaceNotAllowed"))
		Expect(bundleText(ns)()).NotTo(ContainSubstring("foreign"))
		change(b, func(b *v1alpha1.Broker) { b.Spec.AllowedNamespaces = &metav1.LabelSelector{} })
		Eventually(conditionOf(a, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(bundleText(ns)()).To(ContainSubstring(other + "/foreign"))
	})
})

var _ = Describe("an ACL's tests", func() {
	It("keep rules that fail them from being applied, and the last ones stay", func() {
		ns := newNamespace(nil)
		newReadyBroker(ns, nil)
		a := newACL(ns, "plant", "plant/#")
		Eventually(conditionOf(a, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		expect := v1alpha1.ACLTest{
			As: v1alpha1.ACLTestClient{User: "alice"}, Action: config.ActionPublish, Topic: "plant/1", Expect: config.Allow,
		}
		change(a, func(a *v1alpha1.ACL) {
			a.Spec.Tests = []v1alpha1.ACLTest{expect}
			a.Spec.Rules[0].Topics = []string{"other/#", "other/1"}
		})
		Eventually(conditionOf(a, v1alpha1.ConditionStalled)).Should(Equal("True TestsFailed"))
		Expect(messageOf(a, v1alpha1.ConditionReady)()).To(Equal(
			`spec.tests[0]: user "alice" publishing to "plant/1": expected Allow, but no rule allows it`))
		Expect(messageOf(a, v1alpha1.ConditionRulesShadowed)()).To(ContainSubstring(`"other/1" never decides`))
		Consistently(bundleText(ns)).Should(And(ContainSubstring("plant/#"), Not(ContainSubstring("other"))))
		change(a, func(a *v1alpha1.ACL) { a.Spec.Rules[0].Topics = []string{"other/#", "plant/+"} })
		Eventually(conditionOf(a, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Eventually(conditionOf(a, v1alpha1.ConditionRulesShadowed)).Should(BeEmpty())
		Expect(bundleText(ns)()).To(ContainSubstring("other/#"))
		Expect(bundleText(ns)()).NotTo(ContainSubstring("expect"), "tests are none of the broker's business")
	})
})
