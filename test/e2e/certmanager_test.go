//go:build e2e

package e2e

import (
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// The real one, which `make e2e-cert-manager` builds and installs.
var _ = Describe("the real cert-manager", func() {
	It("issues a Broker's certificate, renews it live, and clients trust it", func() {
		if os.Getenv("DUNLIN_CERT_MANAGER") == "" {
			Skip("make e2e-cert-manager installs it")
		}
		n := newNamespace()
		n.apply(`
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: self}
spec: {selfSigned: {}}
---
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: house-ca}
spec: {isCA: true, commonName: house-ca, secretName: house-ca, privateKey: {algorithm: ECDSA}, issuerRef: {name: self}}
---
apiVersion: cert-manager.io/v1
kind: Issuer
metadata: {name: house}
spec: {ca: {secretName: house-ca}}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: Broker
metadata: {name: edge}
spec: {tls: {issuerRef: {kind: Issuer, name: house}}}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: User
metadata: {name: alice}
spec: {brokerRef: {name: edge}}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: ACL
metadata: {name: sensors}
spec:
  brokerRef: {name: edge}
  subjects: [{kind: User, name: alice}]
  rules: [{actions: [Publish, Subscribe], topics: ["sensors/#"]}]
`)
		n.ready("broker/edge", "user/alice", "acl/sensors")
		Expect(n.run("get", "broker", "edge", "-o", `jsonpath={.status.conditions[?(@.type=="CertificatesReady")].message}`)).
			To(Equal("Issued by Issuer house, through cert-manager"))
		Expect(n.secret("alice-mqtt", "ca.crt")).To(Equal(n.secret("house-ca", "tls.crt")))
		n.clientPod("alice")
		say := func(message string) {
			GinkgoHelper()
			out, err := n.mosquitto("mosquitto_pub", "alice", "-t", "sensors/x", "-m", message, "-q", "1", "-r")
			Expect(err).NotTo(HaveOccurred(), out)
		}
		say("issued")

		// Without its Secret cert-manager issues anew, and the broker serves that without a restart.
		pod, served := n.run("get", "pod", "edge-0", "-o", "jsonpath={.metadata.uid}"), n.secret("edge-server-tls", "tls.crt")
		n.run("delete", "secret", "edge-issued-tls")
		Eventually(func() string { return n.secret("edge-server-tls", "tls.crt") }, soon, poll).ShouldNot(Equal(served))
		n.ready("broker/edge")
		say("issued anew")
		Expect(n.run("get", "pod", "edge-0", "-o", "jsonpath={.metadata.uid}")).To(Equal(pod))
	})
})
