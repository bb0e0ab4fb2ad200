//go:build e2e

package e2e

import (
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Dunlin on Kubernetes")
}

// quickstart applies the very file that the README runs, and waits for it.
func quickstart() namespace { return quickstartOf("../..") }

// quickstartOf is quickstart, of the version whose source is in a folder.
func quickstartOf(tree string) namespace {
	GinkgoHelper()
	yaml, err := os.ReadFile(tree + "/config/samples/quickstart.yaml")
	Expect(err).NotTo(HaveOccurred())
	n := newNamespace()
	n.apply(string(yaml))
	n.ready("broker/edge", "user/alice", "acl/sensors")
	n.clientPod("alice")
	return n
}

var _ = Describe("the quickstart", Ordered, func() {
	var n namespace
	BeforeAll(func() { n = quickstart() })

	It("carries a message through the Service over TLS", func() {
		out, err := n.mosquitto("mosquitto_pub", "alice", "-t", "sensors/kitchen", "-m", "21.5", "-q", "1", "-r")
		Expect(err).NotTo(HaveOccurred(), out)
		out, err = n.mosquitto("mosquitto_sub", "alice", "-t", "sensors/#", "-v", "-C", "1", "-W", "20")
		Expect(err).NotTo(HaveOccurred(), out)
		Expect(out).To(Equal("sensors/kitchen 21.5"))
	})

	It("refuses a wrong password", func() {
		out, err := n.mosquittoWith("mosquitto_pub", "alice", "not-it", "-t", "sensors/x", "-m", "x", "-q", "1")
		Expect(err).To(HaveOccurred())
		Expect(out).To(MatchRegexp("(?i)bad user name or password"))
	})

	It("refuses a topic that no ACL allows", func() {
		out, _ := n.mosquitto("mosquitto_pub", "alice", "-t", "secrets/door", "-m", "open", "-q", "1")
		Expect(out).To(ContainSubstring("Not authorized"))
		out, _ = n.mosquitto("mosquitto_sub", "alice", "-t", "secrets/#", "-E", "-W", "10")
		Expect(out).To(ContainSubstring("All subscription requests were denied"))
	})

	It("keeps sessions, queued and retained messages when the pod is replaced", func() {
		out, err := n.mosquitto("mosquitto_sub", "alice", "-i", "keeper", "-c", "-x", "3600", "-t", "sensors/queue", "-q", "1", "-E")
		Expect(err).NotTo(HaveOccurred(), out)
		for _, message := range []string{"one", "two", "three"} {
			out, err = n.mosquitto("mosquitto_pub", "alice", "-t", "sensors/queue", "-m", message, "-q", "1")
			Expect(err).NotTo(HaveOccurred(), out)
		}
		before := n.run("get", "pod", "edge-0", "-o", "jsonpath={.metadata.uid}")
		n.run("delete", "pod", "edge-0", "--wait=true")
		Eventually(func(g Gomega) {
			uid, err := n.try("", "get", "pod", "edge-0", "-o", "jsonpath={.metadata.uid}")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(uid).NotTo(Equal(before))
		}, soon, poll).Should(Succeed())
		n.ready("pod/edge-0", "broker/edge")
		out, err = n.mosquitto("mosquitto_sub", "alice", "-i", "keeper", "-c", "-x", "3600", "-t", "sensors/queue", "-q", "1", "-C", "3", "-W", "20")
		Expect(err).NotTo(HaveOccurred(), out)
		Expect(out).To(Equal("one\ntwo\nthree"))
		out, err = n.mosquitto("mosquitto_sub", "alice", "-t", "sensors/kitchen", "-C", "1", "-W", "20")
		Expect(err).NotTo(HaveOccurred(), out)
		Expect(out).To(Equal("21.5"))
	})
})
