//go:build e2e

package e2e

import (
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("subjects that are not named by a password", Ordered, func() {
	var n namespace
	// as runs one of Mosquitto's clients with a token for a password.
	as := func(token, tool string, args ...string) (string, error) {
		login := []string{
			"exec", "client-dashboard", "--", tool, "-h", n.secret("dashboard-mqtt", "host"), "-p", n.secret("dashboard-mqtt", "port"),
			"--cafile", "/mqtt/ca.crt", "-u", "", "-P", token, "-V", "5",
		}
		return n.try("", append(login, args...)...)
	}
	BeforeAll(func() {
		yaml, err := os.ReadFile("../../config/samples/service-accounts.yaml")
		Expect(err).NotTo(HaveOccurred())
		n = newNamespace()
		n.apply(string(yaml))
		n.ready("broker/plant", "user/dashboard", "acl/press", "acl/press-readers")
		n.run("wait", "--for=condition=ServiceAccountsReady", "broker/plant", "--timeout=20s")
		n.clientPod("dashboard")
	})

	It("lets a ServiceAccount in by a token of the cluster, to do what its ACL says", func() {
		token := n.run("create", "token", "press", "--audience", "dunlin")
		out, err := as(token, "mosquitto_pub", "-t", "press/1", "-m", "extra", "-q", "1", "-r")
		Expect(err).NotTo(HaveOccurred(), out)
		Expect(out).NotTo(ContainSubstring("Not authorized"))
		out, _ = as(token, "mosquitto_pub", "-t", "other/1", "-m", "extra", "-q", "1")
		Expect(out).To(ContainSubstring("Not authorized"))
	})

	It("refuses tokens for others, and those of other namespaces' accounts", func() {
		out, err := as(n.run("create", "token", "press"), "mosquitto_pub", "-t", "press/1", "-m", "x", "-q", "1")
		Expect(err).To(HaveOccurred())
		Expect(out).To(ContainSubstring("Bad User Name or Password"))
		foreign := namespace("default").run("create", "token", "default", "--audience", "dunlin")
		out, err = as(foreign, "mosquitto_pub", "-t", "press/1", "-m", "x", "-q", "1")
		Expect(err).To(HaveOccurred())
		Expect(out).To(ContainSubstring("Bad User Name or Password"))
	})

	It("gives a User what its labels say, and takes it back with them", func() {
		read := func() string {
			out, _ := n.mosquitto("mosquitto_sub", "dashboard", "-t", "press/#", "-C", "1", "-W", "10")
			return out
		}
		Expect(read()).To(Equal("extra"))
		n.run("label", "user", "dashboard", "team-")
		Eventually(read, fast, poll).Should(ContainSubstring("denied"))
		n.run("label", "user", "dashboard", "team=press")
		Eventually(read, fast, poll).Should(Equal("extra"))
	})
})
