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
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// ownPair is a pair as a user would bring it, with the CA that signed it.
func ownPair() (data map[string][]byte) {
	GinkgoHelper()
	ca, err := pki.NewCA("mine", clock.Now())
	Expect(err).NotTo(HaveOccurred())
	pair, err := pki.IssueServer(ca, []string{"mqtt.example.com"}, nil, 24*time.Hour, clock.Now())
	Expect(err).NotTo(HaveOccurred())
	return map[string][]byte{"tls.crt": pair.CertPEM, "tls.key": pair.KeyPEM, "ca.crt": ca.CertPEM}
}

var _ = Describe("a Broker's own certificate", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	tlsSecret := func(data map[string][]byte) *corev1.Secret {
		GinkgoHelper()
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "mine", Namespace: ns}, Data: data}
		Expect(cluster.Create(ctx, s)).To(Succeed())
		return s
	}
	useMine := func(b *v1alpha1.Broker) { b.Spec.TLS.SecretName = "mine" }

	It("waits, without pods, for a Secret that is missing, and goes on when it appears", func() {
		b := newBroker(ns, useMine)
		Eventually(conditionOf(b, v1alpha1.ConditionStalled)).Should(Equal("True SecretNotFound"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(Equal(
			"Secret " + ns + "/mine, named by spec.tls.secretName, does not exist"))
		Expect(client.IgnoreNotFound(cluster.Get(ctx, client.ObjectKeyFromObject(b), &appsv1.StatefulSet{}))).To(Succeed())

		data := ownPair()
		tlsSecret(data)
		startPod(b)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
		Expect(secretData(ns, "edge-server-tls")()).To(Equal(data))
		Expect(secretData(ns, "edge-ca")()).To(HaveKeyWithValue("ca.crt", data["ca.crt"]))
	})

	It("names the Secret of the clients' CAs that a pod would wait for, and goes on when it is there", func() {
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) {
			b.Spec.TLS.ClientAuth = "Require"
		})
		change(b, func(b *v1alpha1.Broker) {
			b.Spec.TLS.ClientCASecretName, b.Spec.TLS.ClientCRLSecretName = "theirs", "lists"
		})
		Eventually(messageOf(b, v1alpha1.ConditionReady)).Should(Equal(
			"Secret " + ns + "/theirs, named by spec.tls.clientCASecretName, does not exist: a pod that starts waits for it"))
		Expect(conditionOf(b, v1alpha1.ConditionStalled)()).To(Equal("True SecretNotFound"))
		for name, key := range map[string]string{"theirs": "ca.crt", "lists": "wrong"} {
			s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}, Data: map[string][]byte{key: []byte("x")}}
			Expect(cluster.Create(ctx, s)).To(Succeed())
		}
		Eventually(messageOf(b, v1alpha1.ConditionReady)).Should(HaveSuffix("/lists, named by spec.tls.clientCRLSecretName, has no ca.crl: a pod that starts waits for it"))
		lists := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "lists", Namespace: ns}}
		change(lists, func(s *corev1.Secret) { s.Data = map[string][]byte{"ca.crl": []byte("x")} })
		Eventually(conditionOf(b, v1alpha1.ConditionCertificatesReady)).Should(Equal("True AsExpected"))
	})

	It("can be one of several, by host name or of a listener alone", func() {
		first, second := ownPair(), ownPair()
		tlsSecret(first)
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) {
			b.Spec.Listeners = []v1alpha1.ListenerSpec{
				{ListenerSettings: config.ListenerSettings{Name: "mqtts", Protocol: config.ProtocolMQTTS, Port: 8883}},
				{ListenerSettings: config.ListenerSettings{Name: "wss", Protocol: config.ProtocolWSS, Port: 8084}, TLS: &v1alpha1.ListenerTLS{SecretName: "mine"}},
			}
		})
		Expect(configOf(ns)).To(ContainSubstring("certFile: /etc/dunlin/tls/more-mine.crt"))
		Expect(secretData(ns, "edge-server-tls")()).To(And(HaveKeyWithValue("more-mine.crt", first["tls.crt"]), HaveKeyWithValue("more-mine.key", first["tls.key"])))
		change(b, func(b *v1alpha1.Broker) {
			b.Spec.TLS.Certificates = []v1alpha1.ServerCertificate{{SecretName: "other"}}
		})
		Eventually(messageOf(b, v1alpha1.ConditionReady)).Should(Equal("Secret " + ns + "/other, which is to have a certificate of listeners, does not exist"))
		Expect(configOf(ns)).NotTo(ContainSubstring("more-other.crt"), "a broker refuses a file that is not there")

		other := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "other", Namespace: ns}, Data: second}
		Expect(cluster.Create(ctx, other)).To(Succeed())
		Eventually(func() string { return configOf(ns) }).Should(ContainSubstring("certFile: /etc/dunlin/tls/more-other.crt"))
		Eventually(conditionOf(b, v1alpha1.ConditionCertificatesReady)).Should(Equal("True AsExpected"))
		change(other, func(s *corev1.Secret) { s.Data["tls.key"] = first["tls.key"] })
		Eventually(conditionOf(b, v1alpha1.ConditionCertificatesReady)).Should(Equal("False InvalidCertificate"))
		Expect(secretData(ns, "edge-server-tls")()).To(HaveKeyWithValue("more-other.key", second["tls.key"]), "the last good pair stays")
		Expect(configOf(ns)).To(ContainSubstring("more-other.crt"))
	})

	DescribeTable("keeps the last good pair where the new one is broken", func(spoil func(map[string][]byte), message string) {
		good := ownPair()
		secret := tlsSecret(good)
		b := newReadyBroker(ns, useMine)
		change(secret, func(s *corev1.Secret) { spoil(s.Data) })
		Eventually(conditionOf(b, v1alpha1.ConditionCertificatesReady)).Should(Equal("False InvalidCertificate"))
		Expect(messageOf(b, v1alpha1.ConditionCertificatesReady)()).To(HavePrefix("Secret " + ns + "/mine: "))
		Expect(messageOf(b, v1alpha1.ConditionCertificatesReady)()).To(ContainSubstring(message))
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("False InvalidCertificate"))
		Expect(secretData(ns, "edge-server-tls")()).To(Equal(good))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), &appsv1.StatefulSet{})).To(Succeed())

		better := ownPair()
		change(secret, func(s *corev1.Secret) { s.Data = better })
		Eventually(secretData(ns, "edge-server-tls")).Should(Equal(better))
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
	},
		Entry("no PEM", func(d map[string][]byte) { d["tls.crt"] = []byte("spoiled") }, "certificate"),
		Entry("another key", func(d map[string][]byte) { d["tls.key"] = ownPair()["tls.key"] }, "key"),
		Entry("no key", func(d map[string][]byte) { delete(d, "tls.key") }, "it has no tls.key"),
		Entry("another CA", func(d map[string][]byte) { d["ca.crt"] = ownPair()["ca.crt"] }, "CA"),
	)

	It("leaves out the CA where the user's Secret has none", func() {
		data := ownPair()
		delete(data, "ca.crt")
		tlsSecret(data)
		b := newReadyBroker(ns, nil)
		Expect(secretData(ns, "edge-ca")()).NotTo(BeNil())
		change(b, useMine)
		Eventually(secretData(ns, "edge-ca")).Should(BeNil())
		Eventually(func() string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
			return b.Status.CASecretName
		}).Should(BeEmpty())
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
	})

	It("goes back to one of its own CA", func() {
		tlsSecret(ownPair())
		b := newReadyBroker(ns, useMine)
		change(b, func(b *v1alpha1.Broker) { b.Spec.TLS.SecretName = "" })
		Eventually(func() error {
			d := secretData(ns, "edge-server-tls")()
			_, err := pki.CheckPair(pki.Pair{CertPEM: d["tls.crt"], KeyPEM: d["tls.key"]},
				secretData(ns, "edge-ca-key")()["tls.crt"], []string{"edge." + ns + ".svc"}, clock.Now())
			return err
		}).Should(Succeed())
	})

	It("does not replace a CA that was spoiled, but names it; a deleted one is made anew", func() {
		b := newReadyBroker(ns, nil)
		key := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "edge-ca-key", Namespace: ns}}
		change(key, func(s *corev1.Secret) { s.Data["tls.crt"] = []byte("spoiled") })
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("False InvalidCertificate"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(And(
			HavePrefix("Secret "+ns+"/edge-ca-key: "), HaveSuffix("restore it, or delete the Secret to get a new CA")))
		server := secretData(ns, "edge-server-tls")()
		Expect(cluster.Delete(ctx, key)).To(Succeed())
		Eventually(secretData(ns, "edge-server-tls")).ShouldNot(Equal(server))
		Eventually(func() string { settle(b); return conditionOf(b, v1alpha1.ConditionReady)() }).Should(
			Equal("True AsExpected"), "the new key pin restarts the pods")
	})
})
