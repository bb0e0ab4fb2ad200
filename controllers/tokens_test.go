package controllers

import (
	"crypto/sha256"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

var _ = Describe("the tokens of a Broker's admin API", func() {
	It("are made once, made anew when they are deleted, and reach the pods as sums", func() {
		ns := newNamespace(nil)
		newReadyBroker(ns, func(b *v1alpha1.Broker) { b.Spec.Admin = config.AdminUsers{ReadGroup: "viewers"} })
		tokens := secretData(ns, "edge-admin")
		Eventually(tokens).Should(HaveLen(3))
		first := tokens()
		Expect(first["ca.crt"]).To(Equal(secretData(ns, "edge-admin-tls")()["ca.crt"]))
		Expect(first).To(And(HaveKey("token"), HaveKey("read-token")))
		Expect(string(first["token"])).To(MatchRegexp(`^[A-Z2-7]{26}$`))
		Expect(first["token"]).NotTo(Equal(first["read-token"]))
		mounted := func() string { return string(secretData(ns, "edge-admin-tls")()["tokens"]) }
		lines := func(data map[string][]byte) string {
			return fmt.Sprintf("token:Write:%x\nread-token:Read:%x\n", sha256.Sum256(data["token"]), sha256.Sum256(data["read-token"]))
		}
		Expect(mounted()).To(Equal(lines(first)))
		Expect(configOf(ns)).To(And(ContainSubstring("tokensFile: /etc/dunlin/admin/tokens"), ContainSubstring("readGroup: viewers")))

		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "edge-admin", Namespace: ns}}
		change(s, func(s *corev1.Secret) { delete(s.Data, "read-token") })
		Eventually(tokens).Should(HaveKey("read-token"))
		Expect(tokens()["token"]).To(Equal(first["token"]))
		Expect(tokens()["read-token"]).NotTo(Equal(first["read-token"]))

		Expect(cluster.Delete(ctx, s)).To(Succeed())
		Eventually(tokens).Should(And(HaveKey("token"), Not(HaveKeyWithValue("token", first["token"]))))
		Eventually(mounted).Should(Equal(lines(tokens())))
	})
})
