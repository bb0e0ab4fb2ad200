package controllers

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

var _ = Describe("The StatefulSet of a new Broker", func() {
	It("is what it stays, so that no pod is started twice", func() {
		ns := newNamespace(nil)
		broker := newReadyBroker(ns, nil)
		user := newUser(ns, "alice", func(u *v1alpha1.User) {
			u.Spec.Authentication.ClientCertificate = &v1alpha1.UserCertificate{}
		})
		Eventually(conditionOf(user, v1alpha1.ConditionApplied)).Should(HavePrefix("True"))
		generation := func() int64 {
			GinkgoHelper()
			var sts appsv1.StatefulSet
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(broker), &sts)).To(Succeed())
			return sts.Generation
		}
		Consistently(generation).Should(BeEquivalentTo(1))
	})
})
