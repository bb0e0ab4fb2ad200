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
		"--reset-then-reuse-values", "--set", values, "--wait", "--timeout", "2m")
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

// subscribe starts a subscriber with a session that is kept. It comes back by itself, since it speaks MQTT 3.1.1: who is told to go, as
// MQTT 5 can, does not.
func (n namespace) subscribe(user, client, topic string) *subscriber {
	GinkgoHelper()
	s := &subscriber{}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "kubectl", "-n", string(n), "exec", "client-"+user, "--", "mosquitto_sub", "-d",
		"-h", n.secret(user+"-mqtt", "host"), "-p", n.secret(user+"-mqtt", "port"), "--cafile", "/mqtt/ca.crt",
		"-u", user, "-P", n.secret(user+"-mqtt", "password"), "-V", "311", "-i", client, "-c", "-q", "1", "-t", topic, "-F", "heard %p")
	cmd.Stdout, cmd.Stderr = s, s
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	return s
}

// installPrevious puts the version before this one in the release's place, and returns the folder of its source.
func installPrevious() (tree string) {
	GinkgoHelper()
	built := strings.Fields(command(5*time.Minute, "hack/previous.sh"))
	command(2*time.Minute, "hack/cluster/load", built[1:]...)
	command(2*time.Minute, "helm", "uninstall", "dunlin", "--namespace", string(system), "--wait")
	command(3*time.Minute, "helm", "install", "dunlin", built[0]+"/charts/dunlin", "--namespace", string(system), "--set",
		"operator.image.repository=localhost/dunlin-operator,operator.image.tag=previous,"+
			"broker.image.repository=localhost/dunlin-broker,broker.image.tag=previous", "--wait", "--timeout", "2m")
	return built[0]
}

// The version before is that of the commit before (hack/previous.sh), its chart and its images; the new one is this tree.
var _ = Describe("an upgrade", Ordered, Serial, func() {
	var n namespace
	pod := func(name string) string {
		return n.run("get", "pod", name, "-o", "jsonpath={.metadata.uid} {.status.containerStatuses[0].restartCount} {.spec.containers[0].image}")
	}
	operator := func() string {
		return system.run("get", "pods", "-l", "app.kubernetes.io/component=operator", "-o", "jsonpath={.items[*].metadata.uid}")
	}
	generation := func() string { return n.run("get", "statefulset", "edge", "-o", "jsonpath={.metadata.generation}") }
	var stayer *subscriber
	connects := func() int { return strings.Count(stayer.said(), "sending CONNECT") }
	publish := func(message string) {
		GinkgoHelper()
		out, err := n.mosquitto("mosquitto_pub", "alice", "-t", "sensors/upgrade", "-m", message, "-q", "1")
		Expect(err).NotTo(HaveOccurred(), out)
	}
	BeforeAll(func() {
		DeferCleanup(func() { upgrade("operator.image.tag=dev,broker.image.tag=dev,operator.logLevel=INFO") })
		n = quickstartOf(installPrevious())
		// A message that waits for it, because it shows what it says only with the next message.
		out, err := n.mosquitto("mosquitto_pub", "alice", "-t", "sensors/upgrade", "-m", "before", "-q", "1", "-r")
		Expect(err).NotTo(HaveOccurred(), out)
		stayer = n.subscribe("alice", "stayer", "sensors/upgrade")
		Eventually(stayer.heard, soon, poll).Should(Equal([]string{"before"}))
	})

	It("of chart and operator rolls no broker pod, and its clients stay connected", func() {
		broker, old, before := pod("edge-0"), operator(), generation()
		upgrade("operator.image.tag=dev,operator.logLevel=DEBUG")
		Eventually(operator, soon, poll).ShouldNot(Or(ContainSubstring(old), BeEmpty()))

		// The new one works: it takes up a change.
		n.apply(bob)
		n.ready("user/bob", "acl/readers", "broker/edge")
		if generation() != before {
			n.ready("pod/edge-0")
			Skip("this commit makes other pods than the one before, so they are replaced once")
		}
		Expect(pod("edge-0")).To(Equal(broker))
		publish("upgraded")
		Eventually(stayer.heard, soon, poll).Should(Equal([]string{"before", "upgraded"}))
		Expect(connects()).To(Equal(1), "it has stayed connected")
	})

	It("of the brokers rolls each pod, whose clients come back to their sessions", func() {
		before, had := pod("edge-0"), connects()
		upgrade("broker.image.tag=dev")
		Eventually(func() string {
			out, _ := n.try("", "get", "pod", "edge-0", "-o", "jsonpath={.spec.containers[0].image}")
			return out
		}, soon, poll).Should(HaveSuffix(":dev"))
		n.ready("pod/edge-0", "broker/edge")
		Expect(pod("edge-0")).NotTo(Equal(before))
		publish("rolled")
		// A client that has asked for the pod's address just before it went tries that for two minutes, as TCP does.
		Eventually(stayer.heard, 3*time.Minute, poll).Should(ContainElement("rolled"))
		Expect(connects()).To(BeNumerically(">", had))
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
