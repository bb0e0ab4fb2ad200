//go:build e2e

package e2e

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const bob = `
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: User
metadata: {name: bob}
spec: {brokerRef: {name: edge}, groups: [readers]}
---
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: ACL
metadata: {name: readers}
spec:
  brokerRef: {name: edge}
  subjects: [{kind: Group, name: readers}]
  rules: [{actions: [Subscribe, Publish], topics: ["sensors/#"]}]
`

const narrowed = `
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: ACL
metadata: {name: readers}
spec:
  brokerRef: {name: edge}
  subjects: [{kind: Group, name: readers}]
  rules: [{actions: [Subscribe], topics: ["sensors/#"]}]
`

var _ = Describe("access", Ordered, func() {
	var n namespace
	var pod string // the broker's, by UID and restarts: it must stay the same
	identity := func() string {
		return n.run("get", "pod", "edge-0", "-o", "jsonpath={.metadata.uid} {.status.containerStatuses[0].restartCount}")
	}
	BeforeAll(func() {
		n = quickstart()
		pod = identity()
	})

	It("lets a new user in as soon as it is Ready", func() {
		n.apply(bob)
		n.ready("user/bob", "acl/readers")
		n.clientPod("bob")
		out, err := n.mosquitto("mosquitto_pub", "bob", "-t", "sensors/b", "-m", "hi", "-q", "1")
		Expect(err).NotTo(HaveOccurred(), out)
		Expect(out).NotTo(ContainSubstring("Not authorized"))
	})

	It("enforces a narrowed ACL without a restart", func() {
		n.apply(narrowed)
		Eventually(func(g Gomega) {
			out, _ := n.mosquitto("mosquitto_pub", "bob", "-t", "sensors/b", "-m", "hi", "-q", "1")
			g.Expect(out).To(ContainSubstring("Not authorized"))
		}, fast, poll).Should(Succeed())
	})

	It("keeps a suspended user out, and lets it in again", func() {
		n.run("patch", "user", "bob", "--type=merge", "-p", `{"spec":{"suspended":true}}`)
		Eventually(func(g Gomega) {
			out, err := n.mosquitto("mosquitto_sub", "bob", "-t", "sensors/b", "-E", "-W", "5")
			g.Expect(err).To(HaveOccurred())
			g.Expect(out).To(MatchRegexp("(?i)bad user name or password"))
		}, fast, poll).Should(Succeed())
		n.run("patch", "user", "bob", "--type=merge", "-p", `{"spec":{"suspended":false}}`)
		n.ready("user/bob")
		out, err := n.mosquitto("mosquitto_sub", "bob", "-t", "sensors/b", "-E", "-W", "5")
		Expect(err).NotTo(HaveOccurred(), out)
	})

	It("restarted no pod for any of it", func() {
		Expect(identity()).To(Equal(pod))
	})

	It("says what is wrong with an ACL for an unknown Broker", func() {
		n.apply(`
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: ACL
metadata: {name: lost}
spec:
  brokerRef: {name: nowhere}
  subjects: [{kind: Everyone}]
  rules: [{actions: [Publish], topics: ["x"]}]
`)
		Eventually(func() string {
			return n.run("get", "acl", "lost", "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].message}`)
		}, fast, poll).Should(ContainSubstring("nowhere"))
	})

	It("refuses an invalid Broker with a message that says why", func() {
		out, err := n.try(`
apiVersion: mqtt.dunlin.dev/v1alpha1
kind: Broker
metadata: {name: many}
spec: {replicas: 3}
`, "apply", "-f", "-")
		Expect(err).To(HaveOccurred())
		Expect(out).To(ContainSubstring("replicas above 1 need clustering"))
	})
})
