package interop

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
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
	if program = os.Getenv("DUNLIN_BROKER"); program != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "dunlin-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if program, err = daemon.Build(dir, false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
