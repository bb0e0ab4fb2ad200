package console

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

var pictures = flag.String("pictures", "", "folder to write screenshots to; none are made without")

// program is the dunlin-broker that all tests run, commands the kubectl-mqtt.
var program, commands string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "dunlin-console-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a test's
	program, commands = filepath.Join(dir, "dunlin-broker"), filepath.Join(dir, "kubectl-mqtt")
	for program, source := range map[string]string{program: "../../cmd/broker", commands: "../../cmd/kubectl-mqtt"} {
		if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", source, err, out)
			return 1
		}
	}
	return m.Run()
}

// needs skips a test where a tool is missing; CI has them all.
func needs(t *testing.T) {
	t.Helper()
	lack := func(reason string) {
		if os.Getenv("CI") != "" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	for _, tool := range []string{"node", "chromium"} {
		if _, err := exec.LookPath(tool); err != nil {
			lack(fmt.Sprintf("there is no %s: `make console-test` installs it", tool))
		}
	}
	if _, err := os.Stat("../../console/node_modules/playwright-core"); err != nil {
		lack("playwright-core is not installed: run `hack/console.sh install`, or `make console-test`, which does")
	}
}
