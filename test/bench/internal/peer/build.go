package peer

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/dunlin-mqtt/dunlin/internal/freeport"
)

// peersModule is the folder of the module that pins the peers, below that of ours.
const peersModule = "test/bench/peers"

// build builds a package of a module below ours into dir.
func build(dir, module, name, pkg string) (program string, err error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/dunlin-mqtt/dunlin").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	program = filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-o", program, pkg)
	cmd.Dir = filepath.Join(strings.TrimSpace(string(root)), module)
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return program, nil
}

// versionOf is the version of a module in a program that Go has built.
func versionOf(program, module string) string {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "unknown"
	}
	for _, m := range append(info.Deps, &info.Main) {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown"
}

// installed is a program of the system, in PATH or else where it is expected, and what the first line of its help says of
// its version.
func installed(name, otherwise string) (program, version string, err error) {
	program, err = exec.LookPath(name)
	if err != nil {
		if program, err = exec.LookPath(otherwise); err != nil {
			return "", "", errors.New("not installed")
		}
	}
	out, _ := exec.Command(program, "-h").Output() // some end their help with a failure
	first, _, _ := strings.Cut(string(out), "\n")
	_, version, found := strings.Cut(first, " version ")
	if !found {
		return program, "unknown", nil
	}
	return program, version, nil
}

// freePort sets addr to one that is free, and returns its port.
func freePort(addr *string) (port int, err error) {
	port, err = freeport.Find()
	*addr = fmt.Sprint("127.0.0.1:", port)
	return port, err
}
