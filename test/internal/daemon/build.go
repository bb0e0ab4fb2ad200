package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds dunlin-broker into dir. With racy it has the race detector in it, which needs gcc, and is not made
// faster by a profile, which would take minutes.
func Build(dir string, racy bool) (program string, err error) {
	program = filepath.Join(dir, "dunlin-broker")
	build := exec.Command("go", "build", "-o", program, "github.com/dunlin-mqtt/dunlin/cmd/broker")
	if racy {
		build.Args = append(build.Args[:2], append([]string{"-race", "-pgo=off"}, build.Args[2:]...)...)
		build.Env = append(os.Environ(), "CGO_ENABLED=1")
	}
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build dunlin-broker: %w\n%s", err, out)
	}
	return program, nil
}
