package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manual"
)

// example is a command line that help shows.
type example struct {
	command *cobra.Command
	line    string
	args    []string
	piped   bool // with a pipe or redirection
}

// words are a shell's: quotes and comments are understood, nothing else is.
var words = regexp.MustCompile(`'[^']*'|[^\s']+`)

// examples are those of all commands.
func examples(t *testing.T, root *cobra.Command) []example {
	t.Helper()
	var all []example
	for _, c := range manual.Commands(root) {
		if c.RunE != nil && c.HasParent() && c.Example == "" && !c.HasSubCommands() {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.SplitSeq(c.Example, "\n") {
			e := example{command: c, line: strings.TrimSpace(line)}
			for part := range strings.SplitSeq(e.line, " | ") {
				part, _, redirected := strings.Cut(strings.NewReplacer(" >> ", " < ", " > ", " < ").Replace(part), " < ")
				e.piped = e.piped || redirected || part != e.line
				part = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(part), "kubectl mqtt "), "kubectl-mqtt ")
				if !strings.HasPrefix(part, strings.TrimPrefix(c.CommandPath(), "kubectl-mqtt ")) {
					continue
				}
				for _, word := range words.FindAllString(part, -1) {
					e.args = append(e.args, strings.Trim(word, "'"))
				}
			}
			if e.line != "" && e.args == nil {
				t.Errorf("%s: %q does not show it", c.CommandPath(), e.line)
			}
			all = append(all, e)
		}
	}
	return all
}

// TestExamplesParse: what help shows are command lines that there are.
func TestExamplesParse(t *testing.T) {
	root := newRoot(streams{})
	for _, e := range examples(t, root) {
		if e.line == "" {
			continue
		}
		c, rest, err := root.Find(e.args)
		if err != nil || c != e.command {
			t.Errorf("%s: finds %v, %v", e.line, c, err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("%s: %v", e.line, err)
		}
	}
}

// TestExamplesRun: those that are about a broker on this machine do what they show.
func TestExamplesRun(t *testing.T) {
	l := startLive(t)
	l.client("sensor-17", nil)
	if err := os.WriteFile("reading.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, e := range examples(t, newRoot(streams{})) {
		if !strings.Contains(e.line, "--state-dir ./dunlin-state") || strings.Contains(e.line, "--yes") {
			continue
		}
		args := e.args
		if name := e.command.Name(); name == "pub" || name == "sub" || name == "bench" {
			args = append(args, "--as", "alice")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond) // as Ctrl-C ends those that have no end
		var out, stderr output
		code := execute(ctx, args, streams{in: strings.NewReader(""), out: &out, err: &stderr})
		late := ctx.Err() != nil
		cancel()
		if ran++; code != 0 && !late {
			t.Errorf("%s: exit code %d, %s", e.line, code, stderr.String())
		}
	}
	if ran < 15 {
		t.Errorf("only %d examples ran", ran)
	}
}

// TestReference: the page and the man pages have every command, and no line that troff would take for its own.
func TestReference(t *testing.T) {
	code, page, stderr := cli(t, "", "reference")
	if code != 0 {
		t.Fatal(stderr)
	}
	dir := filepath.Join(t.TempDir(), "man")
	if code, _, stderr := cli(t, "", "reference", "--man-dir", dir); code != 0 {
		t.Fatal(stderr)
	}
	for _, c := range manual.Commands(newRoot(streams{}))[1:] {
		if !strings.Contains(page, "\n## "+c.CommandPath()+"\n") {
			t.Errorf("docs/cli.md has no %s", c.CommandPath())
		}
		man, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"))
		if err != nil {
			t.Error(err)
		}
		for line := range strings.SplitSeq(string(man), "\n") {
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !regexp.MustCompile(`^\.(TH|SH|B|BR|TP|PP|nf|fi)\b`).MatchString(line) {
				t.Errorf("%s: troff would obey %q", c.CommandPath(), line)
			}
		}
		if !c.HasSubCommands() && c.Name() != "version" && !strings.Contains(c.Long, "Exit codes: 0 ") {
			t.Errorf("%s does not say its exit codes", c.CommandPath())
		}
	}
}

// TestKrew: the template is a manifest, of which every platform has an archive, a sum and the program that Krew links.
func TestKrew(t *testing.T) {
	text, err := os.ReadFile("../../packaging/krew/mqtt.yaml.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	filled := os.Expand(string(text), func(name string) string {
		if name == "VERSION" {
			return "v1.2.3"
		}
		return strings.Repeat("0", 60) + strings.ToLower(name[len(name)-4:])
	})
	var manifest struct {
		APIVersion, Kind string
		Metadata         struct{ Name string }
		Spec             struct {
			Version, Homepage, ShortDescription, Description string
			Platforms                                        []struct {
				Selector         struct{ MatchLabels map[string]string }
				URI, SHA256, Bin string
			}
		}
	}
	if err := yaml.UnmarshalStrict([]byte(filled), &manifest); err != nil {
		t.Fatal(err)
	}
	s := manifest.Spec
	if manifest.APIVersion != "krew.googlecontainertools.github.com/v1alpha2" || manifest.Kind != "Plugin" || manifest.Metadata.Name != "mqtt" ||
		s.Version != "v1.2.3" || len(s.Platforms) != 4 || s.ShortDescription == "" || len(s.ShortDescription) > 50 {
		t.Errorf("%+v", manifest)
	}
	script, err := os.ReadFile("../../packaging/krew/manifest.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range s.Platforms {
		goos, arch := p.Selector.MatchLabels["os"], p.Selector.MatchLabels["arch"]
		if want := "/download/v1.2.3/kubectl-mqtt_" + goos + "_" + arch + ".tar.gz"; !strings.HasSuffix(p.URI, want) || len(p.SHA256) != 64 || p.Bin != "kubectl-mqtt" {
			t.Errorf("%+v", p)
		}
		if !strings.Contains(string(script), goos+"/"+arch) {
			t.Errorf("manifest.sh does not build for %s/%s", goos, arch)
		}
	}
	if out, err := exec.Command("../../packaging/krew/manifest.sh", "1.2", t.TempDir()).CombinedOutput(); err == nil || !strings.Contains(string(out), "VERSION 1.2 is not like v1.2.3") {
		t.Errorf("a bad version: %v, %s", err, out)
	}
}
