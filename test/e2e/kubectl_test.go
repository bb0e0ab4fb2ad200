//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

const (
	soon = time.Minute     // for what starts pods
	fast = 5 * time.Second // for what a running broker takes live
	poll = 100 * time.Millisecond
)

// namespace is a test's own, with a client pod in it.
type namespace string

// try runs kubectl and returns what it printed, on both streams.
func (n namespace) try(stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	cmd := exec.CommandContext(ctx, "kubectl", append([]string{"-n", string(n)}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.TrimSpace(out.String()), err
}

// run is try that must succeed.
func (n namespace) run(args ...string) string {
	GinkgoHelper()
	out, err := n.try("", args...)
	Expect(err).NotTo(HaveOccurred(), "kubectl %s: %s", strings.Join(args, " "), out)
	return out
}

// apply applies YAML.
func (n namespace) apply(yaml string) {
	GinkgoHelper()
	out, err := n.try(yaml, "apply", "-f", "-")
	Expect(err).NotTo(HaveOccurred(), out)
}

// ready waits until objects are Ready, and says what is wrong if they do not become it.
func (n namespace) ready(objects ...string) {
	GinkgoHelper()
	for _, object := range objects {
		out, err := n.try("", "wait", "--for=condition=Ready", object, "--timeout=1m")
		if err != nil {
			out += "\n" + n.run("get", object, "-o", "yaml")
		}
		Expect(err).NotTo(HaveOccurred(), "%s is not Ready: %s", object, out)
	}
}

// newNamespace makes a namespace, which goes at the end of the test whatever is in it.
func newNamespace() namespace {
	GinkgoHelper()
	n := namespace(fmt.Sprintf("e2e-%d", time.Now().UnixNano()%1e9))
	_, err := namespace("default").try("", "create", "namespace", string(n))
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		if CurrentSpecReport().Failed() {
			out, _ := n.try("", "get", "mqtt,pods,events", "-o", "wide")
			AddReportEntry("objects", out)
			out, _ = namespace("dunlin-system").try("", "logs", "--tail=60", "-l", "app.kubernetes.io/name=dunlin")
			AddReportEntry("operator", out)
		}
		// Nothing may wedge it: a finalizer left behind makes this fail.
		out, err := namespace("default").try("", "delete", "namespace", string(n), "--timeout=50s")
		Expect(err).NotTo(HaveOccurred(), out)
	})
	return n
}

// clientPod starts a pod with Mosquitto's clients and a user's connection Secret.
func (n namespace) clientPod(user string) {
	GinkgoHelper()
	n.apply(fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: client-%[1]s}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  containers:
    - name: client
      image: localhost/dunlin-client:dev
      imagePullPolicy: IfNotPresent
      args: [infinity]
      volumeMounts: [{name: mqtt, mountPath: /mqtt, readOnly: true}]
  volumes: [{name: mqtt, secret: {secretName: %[1]s-mqtt}}]
`, user))
	n.ready("pod/client-" + user)
}

// secret is a key of a Secret, decoded.
func (n namespace) secret(name, key string) string {
	GinkgoHelper()
	return n.run("get", "secret", name, "-o", fmt.Sprintf("go-template={{index .data %q | base64decode}}", key))
}

// mosquitto runs one of Mosquitto's clients as a user, through the Service and over TLS.
func (n namespace) mosquitto(tool, user string, args ...string) (string, error) {
	GinkgoHelper()
	return n.mosquittoWith(tool, user, n.secret(user+"-mqtt", "password"), args...)
}

func (n namespace) mosquittoWith(tool, user, password string, args ...string) (string, error) {
	GinkgoHelper()
	login := []string{
		"exec", "client-" + user, "--", tool, "-h", n.secret(user+"-mqtt", "host"), "-p", n.secret(user+"-mqtt", "port"),
		"--cafile", "/mqtt/ca.crt", "-u", user, "-P", password, "-V", "5",
	}
	return n.try("", append(login, args...)...)
}
