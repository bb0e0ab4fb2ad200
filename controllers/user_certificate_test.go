package controllers

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// mutual has a Broker ask for client certificates of its own CA.
func mutual(b *v1alpha1.Broker) {
	b.Spec.TLS.ClientAuth = config.ClientAuthRequest
	b.Spec.Listeners = []v1alpha1.ListenerSpec{{ListenerSettings: config.ListenerSettings{Name: "mqtts", Protocol: config.ProtocolMQTTS, Port: 8883}}}
	b.Spec.Authentication.ClientCertificate = &config.ClientCertificate{UsernameFrom: config.CommonName}
}

func withCertificate(u *v1alpha1.User) {
	u.Spec.Authentication.ClientCertificate = &v1alpha1.UserCertificate{}
}

var _ = Describe("a User's client certificate", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	// leafOf polls the certificate in alice's connection Secret; nil while there is none.
	leafOf := func() *x509.Certificate {
		leaf, _ := pki.Leaf(secretData(ns, "alice-mqtt")()["tls.crt"])
		return leaf
	}
	serialOf := func() string {
		leaf := leafOf()
		if leaf == nil {
			return ""
		}
		return leaf.SerialNumber.Text(16)
	}
	// revoked polls the serial numbers in the lists that the pods mount.
	revoked := func() []string {
		out := []string{}
		rest := secretData(ns, "edge-client-ca")()["ca.crl"]
		for {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return out
			}
			list, err := x509.ParseRevocationList(block.Bytes)
			Expect(err).NotTo(HaveOccurred())
			for _, r := range list.RevokedCertificateEntries {
				out = append(out, r.SerialNumber.Text(16))
			}
		}
	}
	ready := func(change func(*v1alpha1.User)) *v1alpha1.User {
		GinkgoHelper()
		newReadyBroker(ns, mutual)
		u := newUser(ns, "alice", func(u *v1alpha1.User) {
			withCertificate(u)
			if change != nil {
				change(u)
			}
		})
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		return u
	}

	It("is issued by the Broker's own CA, which the pods mount with its list", func() {
		u := ready(nil)
		Expect(conditionOf(u, v1alpha1.ConditionCertificateReady)()).To(Equal("True Issued"))
		data := secretData(ns, "alice-mqtt")()
		leaf, err := pki.CheckPair(pki.Pair{CertPEM: data["tls.crt"], KeyPEM: data["tls.key"]}, data["ca.crt"], nil, clock.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(leaf.Subject.CommonName).To(Equal("alice"))
		Expect(leaf.ExtKeyUsage).To(Equal([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
		Expect(u.Status.CertificateNotAfter.Time).To(BeTemporally("==", leaf.NotAfter))
		Expect(u.Status.CertificateRenewal.Time).To(BeTemporally("~", clock.Now().Add(60*24*time.Hour), time.Hour))

		sts := &appsv1.StatefulSet{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: "edge"}, sts)).To(Succeed())
		mounted := map[string]string{}
		for _, v := range sts.Spec.Template.Spec.Volumes {
			if v.Secret != nil {
				mounted[v.Name] = v.Secret.SecretName
			}
		}
		Expect(mounted).To(And(HaveKeyWithValue("client-ca", "edge-client-ca"), HaveKeyWithValue("client-crl", "edge-client-ca")))
		Expect(secretData(ns, "edge-client-ca")()["ca.crt"]).To(Equal(data["ca.crt"]))
		Expect(revoked()).To(BeEmpty())
		pod := &corev1.Pod{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: "edge-0"}, pod)).To(Succeed())
		trust := secretData(ns, "edge-client-ca")()
		Expect(pod.Annotations[v1alpha1.AnnotationClientTrust]).To(Equal(config.ClientTrustSum(trust["ca.crt"], trust["ca.crl"])))
	})

	DescribeTable("is revoked when", func(do func(*v1alpha1.User), dropped bool) {
		u := ready(nil)
		serial := serialOf()
		do(u)
		Eventually(revoked).Should(ContainElement(serial))
		if dropped {
			Eventually(func() map[string][]byte { return secretData(ns, "alice-mqtt")() }).ShouldNot(HaveKey("tls.crt"))
		}
	},
		Entry("the User goes", func(u *v1alpha1.User) { Expect(cluster.Delete(ctx, u)).To(Succeed()) }, false),
		Entry("the User is suspended", func(u *v1alpha1.User) { change(u, func(u *v1alpha1.User) { u.Spec.Suspended = true }) }, true),
		Entry("the field is removed", func(u *v1alpha1.User) {
			change(u, func(u *v1alpha1.User) { u.Spec.Authentication.ClientCertificate = nil })
		}, true),
		Entry("the user name changes", func(u *v1alpha1.User) { change(u, func(u *v1alpha1.User) { u.Spec.Username = "bob" }) }, false),
	)

	It("is renewed at two thirds of its life, and the one of before stays good", func() {
		u := ready(func(u *v1alpha1.User) { u.Spec.Authentication.ClientCertificate.DurationSeconds = 7200 })
		first := serialOf()
		clock.Advance(82 * time.Minute)
		change(u, func(u *v1alpha1.User) { u.Spec.Groups = []string{"wake"} })
		Eventually(serialOf).ShouldNot(Equal(first))
		Expect(leafOf().NotAfter).To(BeTemporally("~", clock.Now().Add(2*time.Hour), time.Minute))
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(revoked()).To(BeEmpty())
	})

	It("is replaced, and revoked, when the annotation force-renew gets a new value", func() {
		u := ready(nil)
		first := serialOf()
		force := func(value string) {
			change(u, func(u *v1alpha1.User) {
				metav1.SetMetaDataAnnotation(&u.ObjectMeta, v1alpha1.AnnotationForceRenew, value)
			})
		}
		force("the key has leaked")
		Eventually(serialOf).ShouldNot(Equal(first))
		second := serialOf()
		Eventually(revoked).Should(Equal([]string{first}))
		Eventually(conditionOf(u, v1alpha1.ConditionCertificateReady)).Should(Equal("True Issued"))
		restart()
		change(u, func(u *v1alpha1.User) { u.Spec.Groups = []string{"wake"} })
		Consistently(serialOf).Should(Equal(second))
		force("again")
		Eventually(revoked).Should(ConsistOf(first, second))
	})

	It("is issued anew when it comes back", func() {
		u := ready(nil)
		first := serialOf()
		change(u, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		Eventually(revoked).Should(ContainElement(first))
		change(u, func(u *v1alpha1.User) { u.Spec.Suspended = false })
		Eventually(func() bool { s := serialOf(); return s != "" && !slices.Contains(revoked(), s) }).Should(BeTrue())
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
	})

	It("can be the only way in", func() {
		u := ready(func(u *v1alpha1.User) { u.Spec.Authentication.Password.Disabled = true })
		Expect(secretData(ns, "alice-mqtt")()).NotTo(Or(HaveKey("password"), HaveKey("passwordHash")))
		Expect(bundleText(ns)()).To(And(ContainSubstring(`\"name\":\"alice\"`), Not(ContainSubstring("alice:"))))
		change(u, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		Eventually(bundleText(ns)).ShouldNot(ContainSubstring("alice"))
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Suspended"))
	})

	It("is said to be of no use where the Broker does not ask for it", func() {
		b := newReadyBroker(ns, nil)
		u := newUser(ns, "alice", withCertificate)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("False ClientAuthOff"))
		Expect(messageOf(u, v1alpha1.ConditionReady)()).To(ContainSubstring("set its spec.tls.clientAuth"))
		Expect(bundleText(ns)()).To(ContainSubstring("alice:"), "the password works all the same")
		change(b, mutual)
		Eventually(func() string { settle(b); return conditionOf(u, v1alpha1.ConditionReady)() }).Should(Equal("True Applied"))
	})

	It("names a user name that a certificate cannot hold", func() {
		newReadyBroker(ns, func(b *v1alpha1.Broker) {
			mutual(b)
			b.Spec.Authentication.ClientCertificate.UsernameFrom = config.URI
		})
		u := newUser(ns, "alice", withCertificate)
		Eventually(conditionOf(u, v1alpha1.ConditionStalled)).Should(Equal("True InvalidCertificate"))
		Expect(messageOf(u, v1alpha1.ConditionReady)()).To(ContainSubstring(`"alice" is no URI`))
	})

	It("has a list that is renewed long before it ends", func() {
		ready(nil)
		before := secretData(ns, "edge-client-ca")()["ca.crl"]
		clock.Advance(11 * 24 * time.Hour)
		restart()
		Eventually(func() []byte { return secretData(ns, "edge-client-ca")()["ca.crl"] }).ShouldNot(Equal(before))
	})

	It("writes nothing when nothing changes", func() {
		u := ready(nil)
		Eventually(conditionOf(u, v1alpha1.ConditionApplied)).Should(Equal("True Applied"))
		var last []string
		Eventually(func() bool { n := writes.in(ns); same := len(n) == len(last); last = n; return same }, "5s", "300ms").Should(BeTrue())
		restart()
		Consistently(func() []string { return writes.in(ns)[len(last):] }, "1s").Should(BeEmpty())
	})
})
