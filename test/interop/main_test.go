package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// patience is how long a test waits for what should come at once. A machine that builds beside the tests is slow.
const patience = time.Minute

// program is the dunlin-broker that all tests run.
var program string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	for tool, debian := range map[string]string{
		"mosquitto_pub": "mosquitto-clients", "mosquitto_sub": "mosquitto-clients", "mosquitto_rr": "mosquitto-clients",
		"mosquitto_passwd": "mosquitto",
	} {
		if _, err := exec.LookPath(tool); err != nil {
			fmt.Fprintf(os.Stderr, "test/interop needs %s: install Debian's package %s, or run `make test`, which does\n", tool, debian)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "dunlin-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "dunlin-broker")
	if given := os.Getenv("DUNLIN_BROKER"); given != "" {
		program = given
		return m.Run()
	}
	build := exec.Command("go", "build", "-o", program, "../../cmd/broker")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build dunlin-broker: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}
