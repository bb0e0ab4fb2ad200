//go:build e2e

package e2e

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("a Broker's day 2", Ordered, func() {
	var n namespace
	identity := func() string {
		return n.run("get", "pod", "edge-0", "-o", "jsonpath={.metadata.uid} {.status.containerStatuses[0].restartCount}")
	}
	patch := func(json string) {
		GinkgoHelper()
		n.run("patch", "broker", "edge", "--type=merge", "-p", json)
	}
	condition := func(kind, field string) func() string {
		return func() string {
			return n.run("get", "broker", "edge", "-o", `jsonpath={.status.conditions[?(@.type=="`+kind+`")].`+field+`}`)
		}
	}
	BeforeAll(func() { n = quickstart() })

	It("takes over a live change without a restart", func() {
		before := identity()
		patch(`{"spec":{"limits":{"maxConnections":5},"log":{"level":"Debug"}}}`)
		Eventually(func() string { return n.run("logs", "edge-0") }, fast, poll).Should(ContainSubstring("configuration reloaded"))
		Eventually(condition("Reconciling", "message"), fast, poll).Should(BeEmpty())
		Expect(condition("Ready", "status")()).To(Equal("True"))
		Expect(identity()).To(Equal(before))
	})

	It("restarts when it is asked to", func() {
		before := identity()
		n.run("annotate", "broker", "edge", "mqtt.dunlin.dev/restartedAt=now")
		Eventually(condition("Restarted", "status"), soon, poll).Should(Equal("True"))
		Expect(identity()).NotTo(Equal(before))
		n.ready("broker/edge")
	})

	It("stops at an image that is not there, says so, and recovers from it", func() {
		patch(`{"spec":{"image":"localhost/dunlin-broker:never"}}`)
		Eventually(condition("Stalled", "reason"), soon, poll).Should(Equal("ImageUnavailable"))
		Expect(condition("Ready", "message")()).To(ContainSubstring("localhost/dunlin-broker:never"))
		patch(`{"spec":{"image":null}}`)
		n.ready("broker/edge")
	})

	It("says that this cluster's volumes cannot grow, and serves on", func() {
		before := identity()
		patch(`{"spec":{"persistence":{"size":"2Gi"}}}`)
		Eventually(condition("Stalled", "reason"), fast, poll).Should(Equal("VolumeNotExpandable"))
		patch(`{"spec":{"persistence":{"size":"1Gi"}}}`)
		n.ready("broker/edge")
		Expect(identity()).To(Equal(before))
	})

	It("takes its volume along where that is asked for", func() {
		patch(`{"spec":{"persistence":{"whenDeleted":"Delete"}}}`)
		Eventually(func() string {
			return n.run("get", "pvc", "data-edge-0", "-o", "jsonpath={.metadata.ownerReferences[*].kind}")
		}, soon, poll).Should(Equal("StatefulSet"))
		n.run("delete", "broker", "edge", "--timeout=30s")
		Eventually(func() string { return n.run("get", "pvc", "-o", "name") }, soon, poll).Should(BeEmpty())
	})
})
