package controllers

import (
	"maps"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// installCRDs gives the cluster other projects' kinds, as their own files in testdata/crds define them.
func installCRDs(files ...string) {
	GinkgoHelper()
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = "testdata/crds/" + f
	}
	_, err := envtest.InstallCRDs(kubeconfig, envtest.CRDInstallOptions{Paths: paths, ErrorIfPathMissing: true})
	Expect(err).NotTo(HaveOccurred())
	clock.Advance(kindRecheck)
}

// foreign reads another project's object.
func foreign(kind schema.GroupVersionKind, ns, name string) func() (*unstructured.Unstructured, error) {
	return func() (*unstructured.Unstructured, error) {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(kind)
		return u, cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, u)
	}
}

// settled is how much the operator has written to a namespace once it writes no more.
func settled(ns string) int {
	GinkgoHelper()
	written := func() int { return len(writes.in(ns)) }
	Eventually(func(g Gomega) { g.Consistently(written).Should(Equal(written())) }).Should(Succeed())
	return written()
}

// setStatus does another project's controller's work.
func setStatus(get func() (*unstructured.Unstructured, error), status map[string]any) {
	GinkgoHelper()
	Eventually(func() error {
		u, err := get()
		if err != nil {
			return err
		}
		u.Object["status"] = status
		return cluster.Status().Update(ctx, u)
	}).Should(Succeed())
}

var _ = Describe("cert-manager", Ordered, func() {
	var ns string
	var b *v1alpha1.Broker
	wake := func() {
		GinkgoHelper()
		change(b, func(b *v1alpha1.Broker) { b.Labels = map[string]string{"wake": time.Now().Format("150405.000000")} })
	}
	BeforeAll(func() { ns = newNamespace(nil) })

	It("is missed, by a Broker that asks for it, until it is there", func() {
		b = newBroker(ns, func(b *v1alpha1.Broker) {
			b.Spec.TLS.IssuerRef = &v1alpha1.IssuerRef{Name: "company"}
			b.Spec.TLS.DNSNames = []string{"mqtt.example.com", "192.0.2.1"}
		})
		Eventually(conditionOf(b, v1alpha1.ConditionStalled)).Should(Equal("True CertManagerNotFound"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(ContainSubstring("install cert-manager"))
	})

	It("is asked by a Certificate, and quoted while it has not issued it", func() {
		installCRDs("cert-manager.io_certificates.yaml")
		wake()
		Eventually(conditionOf(b, v1alpha1.ConditionCertificatesReady)).Should(Equal("False WaitingForCertificate"))
		Expect(conditionOf(b, v1alpha1.ConditionStalled)()).To(BeEmpty())
		get := foreign(children.CertificateKind, ns, "edge-server")
		u, err := get()
		Expect(err).NotTo(HaveOccurred())
		Expect(metav1.IsControlledBy(u, b)).To(BeTrue())
		spec := u.Object["spec"].(map[string]any)
		Expect(spec["issuerRef"]).To(Equal(map[string]any{"name": "company", "kind": "Issuer", "group": "cert-manager.io"}))
		Expect(spec["secretName"]).To(Equal("edge-issued-tls"))
		Expect(spec["dnsNames"]).To(ContainElements("edge."+ns+".svc", "mqtt.example.com"))
		Expect(spec["ipAddresses"]).To(ConsistOf("192.0.2.1"))
		setStatus(get, map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "False", "reason": "Pending",
			"message": "Referenced \"Issuer\" not found", "lastTransitionTime": "2026-01-01T00:00:00Z"}}})
		wake()
		Eventually(messageOf(b, v1alpha1.ConditionReady)).Should(HaveSuffix(`not issued yet by Issuer company: Referenced "Issuer" not found`))
	})

	It("has what it issues served, now and when it renews", func() {
		data := ownPair()
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "edge-issued-tls", Namespace: ns}, Type: corev1.SecretTypeTLS, Data: data}
		Expect(cluster.Create(ctx, secret)).To(Succeed())
		startPod(b)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
		Expect(messageOf(b, v1alpha1.ConditionCertificatesReady)()).To(Equal("Issued by Issuer company, through cert-manager"))
		Expect(secretData(ns, "edge-server-tls")()).To(Equal(data))
		Expect(secretData(ns, "edge-ca")()).To(HaveKeyWithValue("ca.crt", data["ca.crt"]))

		renewed := ownPair()
		change(secret, func(s *corev1.Secret) { s.Data = maps.Clone(renewed) })
		Eventually(secretData(ns, "edge-server-tls")).Should(Equal(renewed))
		count := settled(ns)
		wake()
		Consistently(func() int { return len(writes.in(ns)) }).Should(Equal(count), "the Certificate is as it should be")
	})

	It("is told of another issuer, and let go when the Broker's own CA is to issue", func() {
		change(b, func(b *v1alpha1.Broker) {
			b.Spec.TLS.IssuerRef = &v1alpha1.IssuerRef{Name: "public", Kind: "ClusterIssuer", ServiceNames: new(bool)}
		})
		get := foreign(children.CertificateKind, ns, "edge-server")
		Eventually(func() any { u, _ := get(); return u.Object["spec"] }).Should(And(
			HaveKeyWithValue("issuerRef", map[string]any{"name": "public", "kind": "ClusterIssuer", "group": "cert-manager.io"}),
			HaveKeyWithValue("dnsNames", []any{"mqtt.example.com"})))
		change(b, func(b *v1alpha1.Broker) { b.Spec.TLS.IssuerRef = nil })
		Eventually(func() error { _, err := get(); return err }).Should(MatchError(ContainSubstring("not found")))
		Eventually(messageOf(b, v1alpha1.ConditionCertificatesReady)).Should(Equal("Issued by the Broker's own CA"))
		Eventually(func() string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
			return b.Status.CertificateName
		}).Should(BeEmpty())
	})
})
