// Command page runs the conformance suite against Dunlin and against the Mosquitto that is installed, and writes what
// came of it as a page with both columns. `make conformance` calls it; it fails only if a run cannot be made or the page
// not be written, not if a broker fails a statement.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/dunlin-mqtt/dunlin/test/conformance/suite"
)

func main() {
	out := flag.String("o", "docs/conformance.md", "file to write the page to")
	dunlin := flag.String("dunlin", "", "program of Dunlin; default: dunlin-broker built from here")
	flag.Parse()
	if err := run(*out, *dunlin); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(out, dunlin string) error {
	p := page{mosquitto: mosquittoVersion()}
	for _, v := range []struct{ name, title string }{{"v311", "MQTT 3.1.1"}, {"v5", "MQTT 5.0"}} {
		ours, err := test(v.name, "dunlin", dunlin)
		if err != nil {
			return err
		}
		theirs, err := test(v.name, "mosquitto", "")
		if err != nil {
			return err
		}
		p.versions = append(p.versions, pair(v.title, ours, theirs))
	}
	return os.WriteFile(out, []byte(p.String()), 0o644)
}

// test runs the suite of a version against a broker. That statements fail is a result, not an error.
func test(version, broker, program string) ([]suite.Result, error) {
	dir, err := os.MkdirTemp("", "dunlin-conformance-page-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // the system cleans up after it, if it must
	file := filepath.Join(dir, "results.json")
	args := []string{"test", "-count=1", "./test/conformance/" + version, "-broker", broker, "-report", file}
	if program != "" {
		args = append(args, "-program", program)
	}
	fmt.Fprintln(os.Stderr, "go", strings.Join(args, " "))
	output, err := exec.Command("go", args...).CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		return nil, fmt.Errorf("run the suite: %w", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("run the suite %s against %s: no results\n%s", version, broker, output)
	}
	var results []suite.Result
	if err := json.Unmarshal(data, &results); err != nil {
		return nil, fmt.Errorf("read the results of %s against %s: %w", version, broker, err)
	}
	return results, nil
}

// mosquittoVersion is what Mosquitto calls itself: "mosquitto version 2.0.11".
func mosquittoVersion() string {
	out, _ := exec.Command("mosquitto", "-h").CombinedOutput() // its exit code is not 0
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(bytes.TrimSpace(line))
}
