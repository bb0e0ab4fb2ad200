package controllers

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

var _ = Describe("a Broker's own CA", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	data := func(secret, key string) func() string {
		return func() string { return string(secretData(ns, secret)()[key]) }
	}
	// signed says whether the certificate in a Secret is of a CA.
	signed := func(secret, ca string) func() error {
		return func() error {
			d := secretData(ns, secret)()
			_, err := pki.CheckPair(pki.Pair{CertPEM: d["tls.crt"], KeyPEM: d["tls.key"]}, []byte(ca), nil, clock.Now())
			return err
		}
	}
	wake := func(b *v1alpha1.Broker) {
		change(b, func(b *v1alpha1.Broker) { metav1.SetMetaDataAnnotation(&b.ObjectMeta, "wake", clock.Now().String()) })
	}

	It("is replaced when asked: trusted first, then everything is issued anew, then the old one goes; no pod restarts", func() {
		b := newReadyBroker(ns, mutual)
		u := newUser(ns, "alice", withCertificate)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		first := data("edge-ca-key", "tls.crt")()
		change(b, func(b *v1alpha1.Broker) {
			metav1.SetMetaDataAnnotation(&b.ObjectMeta, v1alpha1.AnnotationRotateCA, "1")
		})
		Eventually(data("edge-ca-key", "next.crt")).ShouldNot(BeEmpty())
		second := data("edge-ca-key", "next.crt")()
		for _, where := range []func() string{data("edge-ca", "ca.crt"), data("alice-mqtt", "ca.crt"), data("edge-client-ca", "ca.crt")} {
			Eventually(where).Should(Equal(first + second))
		}
		Expect(signed("edge-server-tls", first)()).To(Succeed())
		Expect(signed("alice-mqtt", first)()).To(Succeed())
		Eventually(conditionOf(b, v1alpha1.ConditionCARotating)).Should(Equal("True Progressing"))

		clock.Advance(25 * time.Hour)
		wake(b)
		for _, secret := range []string{"edge-server-tls", "edge-admin-tls", "edge-operator-tls", "alice-mqtt"} {
			Eventually(signed(secret, second)).Should(Succeed(), secret)
		}
		Eventually(data("alice-mqtt", "ca.crt")).Should(Equal(second + first))
		Eventually(data("edge-client-ca", "ca.crt")).Should(Equal(second + first))
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"), "no new pin, so no new pod")

		clock.Advance(25 * time.Hour)
		wake(b)
		Eventually(data("edge-ca", "ca.crt")).Should(Equal(second))
		Eventually(data("alice-mqtt", "ca.crt")).Should(Equal(second))
		Eventually(conditionOf(b, v1alpha1.ConditionCARotating)).Should(BeEmpty())
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		restart()
		Consistently(data("edge-ca-key", "next.crt")).Should(BeEmpty())
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
		Expect(b.Status.CANotAfter.Time).To(BeTemporally(">", clock.Now().Add(9*365*24*time.Hour)))
	})
})
