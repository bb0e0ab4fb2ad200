//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// plugin builds kubectl-mqtt into a folder, which is on the PATH from then on, so that kubectl finds it.
func plugin() {
	GinkgoHelper()
	dir := GinkgoT().TempDir()
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "kubectl-mqtt"), "../../cmd/kubectl-mqtt").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	GinkgoT().Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// mqtt runs a command of the plugin, before whose name kubectl takes no flags.
func (n namespace) mqtt(args ...string) string {
	GinkgoHelper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	out, err := exec.CommandContext(ctx, "kubectl", append(append([]string{"mqtt"}, args...), "-n", string(n))...).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), "kubectl mqtt %s: %s", strings.Join(args, " "), out)
	return string(out)
}

// console runs kubectl mqtt console until the test's end, and returns the link that it prints.
func (n namespace) console(broker string) string {
	GinkgoHelper()
	cmd := exec.Command("kubectl", "mqtt", "console", broker, "-n", string(n), "--no-open")
	cmd.Stderr = GinkgoWriter
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // kubectl and the plugin
	out, err := cmd.StdoutPipe()
	Expect(err).NotTo(HaveOccurred())
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) // it may have ended
		_ = cmd.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if link := strings.TrimSpace(lines.Text()); strings.HasPrefix(link, "http://127.0.0.1:") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return link
		}
	}
	Fail("kubectl mqtt console prints no link")
	return ""
}

// get asks the console.
func get(url string) (string, error) {
	resp, err := http.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, body)
	}
	return string(body), err
}

var _ = Describe("kubectl mqtt", Ordered, func() {
	var n namespace
	BeforeAll(func() {
		plugin()
		n = quickstart()
	})

	It("asks the admin API of a pod", func() {
		Expect(n.mqtt("status", "edge")).To(And(ContainSubstring("is well"), ContainSubstring("1 of 1 User, 1 of 1 ACL"), ContainSubstring("edge-0")))
		Expect(n.mqtt("can-i", "edge", "alice", "publish", "sensors/1")).To(HavePrefix("yes: " + string(n) + "/sensors rule 1 allows it"))
	})

	It("publishes and subscribes as a User", func() {
		n.mqtt("pub", "edge", "sensors/1", "-m", "21.5", "-q", "1", "--retain")
		Expect(n.mqtt("sub", "edge", "sensors/#", "--count", "1")).To(ContainSubstring("21.5"))
	})

	It("opens the console, which finds the broker again when its pod is another one", func() {
		link := n.console("edge")
		Expect(get(link)).To(ContainSubstring("<title>"))
		overview := func() (o api.Overview, err error) {
			body, err := get(link + "v1/overview")
			if err == nil {
				err = json.Unmarshal([]byte(body), &o)
			}
			return o, err
		}
		before, err := overview()
		Expect(err).NotTo(HaveOccurred())
		Expect(before.Retained).To(BeEquivalentTo(1))
		n.run("delete", "pod", "edge-0", "--wait=true")
		Eventually(func(g Gomega) {
			after, err := overview()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(after.Time.Add(-time.Duration(after.UptimeSeconds)*time.Second)).To(BeTemporally(">", before.Time), "when it has started")
			g.Expect(after.Retained).To(BeEquivalentTo(1))
		}, soon, poll).Should(Succeed())
		Expect(get(link + "v1/me")).To(ContainSubstring(`"role":"Write"`))
	})
})
