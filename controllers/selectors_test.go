package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

var press = config.Selector{MatchLabels: map[string]string{"team": "press"}}

func newSelectingACL(ns, name string) *v1alpha1.ACL {
	GinkgoHelper()
	a := &v1alpha1.ACL{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}}
	a.Spec.BrokerRef.Name = "edge"
	a.Spec.Subjects = []config.Subject{{Kind: config.SubjectUser, Selector: press.DeepCopy()}}
	a.Spec.Rules = []config.Rule{{Actions: []config.Action{config.ActionPublish}, Topics: []string{"press/#"}}}
	Expect(cluster.Create(ctx, a)).To(Succeed())
	return a
}

var _ = Describe("an ACL with a selector", func() {
	It("is for the Users with those labels, and a relabelled User is Applied when the pods have loaded it", func() {
		ns := newNamespace(nil)
		newReadyBroker(ns, nil)
		alice := newUser(ns, "alice", func(u *v1alpha1.User) { u.Labels = map[string]string{"team": "press"} })
		bob := newUser(ns, "bob", nil)
		for _, o := range []client.Object{alice, bob} {
			Eventually(conditionOf(o, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		}
		a := newSelectingACL(ns, "press") // nothing of alice's shard has changed
		Eventually(conditionOf(a, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		selected := func(user string) func() []string {
			return func() []string {
				for name, content := range bundleFiles(ns) {
					var set config.UserSet
					if !strings.HasPrefix(name, "users-") || json.Unmarshal([]byte(content), &set) != nil {
						continue
					}
					for _, u := range set.Users {
						if u.Name == user {
							return u.Selectors
						}
					}
				}
				return nil
			}
		}
		Eventually(selected("alice")).Should(Equal([]string{press.ID()}))
		Expect(selected("bob")()).To(BeEmpty())

		brokers.hold(ns, "an older revision")
		DeferCleanup(brokers.release, ns)
		change(bob, func(u *v1alpha1.User) { u.Labels = map[string]string{"team": "press"} })
		Eventually(selected("bob")).Should(Equal([]string{press.ID()}))
		Eventually(conditionOf(bob, v1alpha1.ConditionApplied)).Should(Equal("False WaitingForPods"))
		Expect(conditionOf(alice, v1alpha1.ConditionReady)()).To(Equal("True Applied"), "it is none of hers")
		brokers.release(ns)
		Eventually(conditionOf(bob, v1alpha1.ConditionReady)).Should(Equal("True Applied"))

		change(alice, func(u *v1alpha1.User) { u.Labels = map[string]string{"team": "none"} })
		Eventually(selected("alice")).Should(BeEmpty())
		Eventually(conditionOf(alice, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(selected("bob")()).To(Equal([]string{press.ID()}))

		change(a, func(a *v1alpha1.ACL) { a.Spec.Subjects[0].Selector.MatchLabels = map[string]string{"not a name": "x"} })
		Eventually(conditionOf(a, v1alpha1.ConditionStalled)).Should(Equal("True InvalidRules"))
		Expect(messageOf(a, v1alpha1.ConditionReady)()).To(HavePrefix("spec.subjects[0].selector: "))
		Expect(selected("bob")()).To(Equal([]string{press.ID()}), "what it last said stays in force")
		Expect(cluster.Delete(ctx, a)).To(Succeed())
		Eventually(selected("bob")).Should(BeEmpty())
	})
})

var _ = Describe("the selectors of a bundle", func() {
	It("are read once, anew where a shard is another, and not while one is being written", func() {
		b := &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: "iot"}}
		scheme, err := Scheme()
		Expect(err).NotTo(HaveOccurred())
		shard := func(name, file, content string) (secret *corev1.Secret, sum string) {
			s := sha256.Sum256([]byte(content))
			return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "iot"}, Data: map[string][]byte{file: []byte(content)}},
				hex.EncodeToString(s[:])
		}
		seven, sum7 := shard("edge-auth-07", "acls-07.json", `{"acls":[{"name":"a","subjects":[{"kind":"User","selector":{"matchLabels":{"team":"press"}}},{"kind":"Everyone"}],"rules":[]}]}`)
		eight, sum8 := shard("edge-auth-08", "acls-08.json", `{"acls":[{"name":"b","subjects":[{"kind":"User","selector":{}}],"rules":[]}]}`)
		c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(seven, eight).Build()
		a := applier{Client: c, selected: &selectorCache{}}
		view := func(sums map[string]string) *bundleView {
			return &bundleView{broker: b, written: "r", sums: sums}
		}
		of := func(v *bundleView) []string {
			GinkgoHelper()
			all, err := a.selectors(ctx, v)
			Expect(err).NotTo(HaveOccurred())
			return all.Of(press.MatchLabels)
		}
		Expect(of(view(map[string]string{"acls-07.json": sum7}))).To(Equal([]string{press.ID()}))
		known := a.selected.known[keyOf(b)]
		Expect(of(view(map[string]string{"acls-07.json": sum7, "passwd-07": "x"}))).To(Equal([]string{press.ID()}))
		Expect(a.selected.known[keyOf(b)]).To(BeIdenticalTo(known), "nothing was read")

		Expect(c.Delete(ctx, seven)).To(Succeed()) // it is not looked at again
		Expect(of(view(map[string]string{"acls-07.json": sum7, "acls-08.json": sum8}))).To(ConsistOf(press.ID(), (&config.Selector{}).ID()))

		late := view(map[string]string{"acls-07.json": sum8, "acls-08.json": sum8})
		of(late)
		Expect(late.applied(true, true).reason).To(Equal(v1alpha1.ReasonWaitingForBroker), "its shard is not the manifest's")
		Expect(of(view(nil))).To(BeEmpty())
		a.selected.forget(keyOf(b))
		Expect(a.selected.known).To(BeEmpty())
		_, err = applier{Client: c}.selectors(ctx, view(map[string]string{"acls-08.json": sum8}))
		Expect(err).NotTo(HaveOccurred())
	})

	It("are part of what a User's digest identifies", func() {
		b, account := &v1alpha1.Broker{}, render.Account{Username: "alice"}
		Expect(userDigest(b, account, []string{"x"}, false)).NotTo(Equal(userDigest(b, account, nil, false)))
	})
})
