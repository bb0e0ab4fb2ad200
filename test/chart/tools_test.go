package chart

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files")

const chart = "../../charts/dunlin"

// run is what helm or kubectl prints, and whether it was content.
func run(t *testing.T, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	dir := os.Getenv("DUNLIN_CLIENT")
	if dir == "" {
		t.Fatal("DUNLIN_CLIENT is not set: run `make chart`, which finds or builds helm and kubectl for these tests")
	}
	var out, errors bytes.Buffer
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, name), args...)
	cmd.Stdout, cmd.Stderr = &out, &errors
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+t.TempDir(), "HELM_CONFIG_HOME="+t.TempDir(), "KUBECONFIG=/nonexistent")
	err = cmd.Run()
	return out.String(), errors.String(), err
}

// object is one of what would be installed.
type object map[string]any

func (o object) kind() string { return o["kind"].(string) }

func (o object) name() string { return o["metadata"].(map[string]any)["name"].(string) }

func (o object) namespace() string {
	ns, _ := o["metadata"].(map[string]any)["namespace"].(string)
	return ns
}

// objects are the documents of YAML that have something in them.
func objects(t *testing.T, text string) []object {
	t.Helper()
	var out []object
	for document := range strings.SplitSeq("\n"+text, "\n---") {
		var o object
		if err := yaml.Unmarshal([]byte(document), &o); err != nil {
			t.Fatalf("read %s: %v", document, err)
		}
		if len(o) > 0 {
			out = append(out, o)
		}
	}
	return out
}

// template is what the chart makes of a values file ("": none) and of what else is set.
func template(t *testing.T, values string, args ...string) string {
	t.Helper()
	args = append([]string{"template", "dunlin", chart, "--namespace", "dunlin-system"}, args...)
	if values != "" {
		args = append(args, "--values", values)
	}
	out, errors, err := run(t, "helm", args...)
	if err != nil {
		t.Fatalf("helm template: %v: %s", err, errors)
	}
	return out
}
