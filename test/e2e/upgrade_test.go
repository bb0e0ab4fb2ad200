//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const system = namespace("dunlin-system")

// command runs a program of this repository or of the cluster's, from the root.
func command(patience time.Duration, name string, args ...string) string {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "../.."
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	err := cmd.Run()
	Expect(err).NotTo(HaveOccurred(), "%s %s: %s%s", name, strings.Join(args, " "), &out, &errors)
	return strings.TrimSpace(out.String())
}

// upgrade brings the release to some values, beside those that it has.
func upgrade(values string) {
	GinkgoHelper()
	command(3*time.Minute, "helm", "upgrade", "dunlin", "charts/dunlin", "--namespace", string(system),
		"--reuse-values", "--set", values, "--wait", "--timeout", "2m")
}

// subscriber is a client that stays, or comes back, until the test ends.
type subscriber struct {
	mu  sync.Mutex
	out bytes.Buffer
}

// Write takes what it prints.
func (s *subscriber) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

// said is all that it has printed, heard the messages of it.
func (s *subscriber) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

func (s *subscriber) heard() (messages []string) {
	for line := range strings.Lines(s.said()) {
		if message, ok := strings.CutPrefix(strings.TrimSpace(line), "heard "); ok {
			messages = append(messages, message)
		}
	}
	return messages
}

// subscribe starts a subscriber with a session that is kept.
func (n namespace) subscribe(user, client, topic string) *subscriber {
	GinkgoHelper()
	s := &subscriber{}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "kubectl", "-n", string(n), "exec", "client-"+user, "--", "mosquitto_sub", "-d",
		"-h", n.secret(user+"-mqtt", "host"), "-p", n.secret(user+"-mqtt", "port"), "--cafile", "/mqtt/ca.crt",
		"-u", user, "-P", n.secret(user+"-mqtt", "password"), "-V", "5", "-i", client, "-c", "-x", "3600", "-q", "1", "-t", topic, "-F", "heard %p")
	cmd.Stdout, cmd.Stderr = s, s
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	return s
}

// The images of the new version are of the same tree, by another name: what is shown is what an upgrade does, and not what a
// version has of new.
var _ = Describe("an upgrade", Ordered, Serial, func() {
	const tag = "upgraded"
	var n namespace
	pod := func(name string) string {
		return n.run("get", "pod", name, "-o", "jsonpath={.metadata.uid} {.status.containerStatuses[0].restartCount} {.spec.containers[0].image}")
	}
	operator := func() string {
		return system.run("get", "pods", "-l", "app.kubernetes.io/component=operator", "-o", "jsonpath={.items[*].metadata.uid}")
	}
	var stayer *subscriber
	publish := func(message string) {
		GinkgoHelper()
		out, err := n.mosquitto("mosquitto_pub", "alice", "-t", "sensors/upgrade", "-m", message, "-q", "1")
		Expect(err).NotTo(HaveOccurred(), out)
	}
	BeforeAll(func() {
		archives := strings.Fields(command(5*time.Minute, "hack/images.sh", tag))
		command(2*time.Minute, "hack/cluster/load", archives...)
		DeferCleanup(func() { upgrade("operator.image.tag=dev,broker.image.tag=dev,operator.logLevel=INFO") })
		n = quickstart()
		// A message that waits for it, because it shows what it says only with the next message.
		out, err := n.mosquitto("mosquitto_pub", "alice", "-t", "sensors/upgrade", "-m", "before", "-q", "1", "-r")
		Expect(err).NotTo(HaveOccurred(), out)
		stayer = n.subscribe("alice", "stayer", "sensors/upgrade")
		Eventually(stayer.heard, soon, poll).Should(Equal([]string{"before"}))
	})

	It("of the operator alone rolls no broker pod, and its clients stay connected", func() {
		broker, old := pod("edge-0"), operator()
		generation := n.run("get", "statefulset", "edge", "-o", "jsonpath={.metadata.generation}")
		upgrade("operator.image.tag=" + tag + ",operator.logLevel=DEBUG")
		Eventually(operator, soon, poll).ShouldNot(Or(ContainSubstring(old), BeEmpty()))

		// The new one works: it takes up a change.
		n.apply(bob)
		n.ready("user/bob", "acl/readers", "broker/edge")
		Expect(pod("edge-0")).To(Equal(broker))
		Expect(n.run("get", "statefulset", "edge", "-o", "jsonpath={.metadata.generation}")).To(Equal(generation))
		publish("upgraded")
		Eventually(stayer.heard, soon, poll).Should(Equal([]string{"before", "upgraded"}))
		Expect(strings.Count(stayer.said(), "sending CONNECT")).To(Equal(1), "it has stayed connected")
	})

	It("of the brokers rolls each pod, whose clients come back to their sessions", func() {
		before := pod("edge-0")
		upgrade("broker.image.tag=" + tag)
		Eventually(func() string {
			out, _ := n.try("", "get", "pod", "edge-0", "-o", "jsonpath={.spec.containers[0].image}")
			return out
		}, soon, poll).Should(HaveSuffix(":" + tag))
		n.ready("pod/edge-0", "broker/edge")
		Expect(pod("edge-0")).NotTo(Equal(before))
		publish("rolled") // while it is away: mosquitto_sub ends when the broker that stops tells it to go
		Eventually(n.subscribe("alice", "stayer", "sensors/upgrade").heard, soon, poll).Should(ContainElement("rolled"))
	})

	It("of the chart brings its CRDs up to date", func() {
		namespace("default").run("patch", "crd", "acls.mqtt.dunlin.dev", "--type=json", "-p",
			`[{"op":"replace","path":"/spec/versions/0/schema/openAPIV3Schema/description","value":"of an older version"}]`)
		command(3*time.Minute, "helm", "upgrade", "dunlin", "charts/dunlin", "--namespace", string(system),
			"--reuse-values", "--force-conflicts", "--wait", "--timeout", "2m")
		Expect(namespace("default").run("get", "crd", "acls.mqtt.dunlin.dev", "-o",
			"jsonpath={.spec.versions[0].schema.openAPIV3Schema.description}")).NotTo(ContainSubstring("older"))
	})
})
