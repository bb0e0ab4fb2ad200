package monitoring

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/dunlin-mqtt/dunlin/broker/metrics"
	"github.com/dunlin-mqtt/dunlin/controllers"
)

const (
	alertsFile    = "../../config/monitoring/alerts.yaml"
	dashboardFile = "../../config/monitoring/dashboard.json"
)

// program is the path of a program of Debian's package prometheus; without it the test is skipped, but never in CI.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: hack/packages.sh %s:prometheus", name, name)
	}
	t.Skipf("%s is missing: install Debian's package prometheus, or run `make test`, which does", name)
	return ""
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// alert is one rule.
type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct{ Groups []struct{ Rules []alert } }
	if err := yaml.Unmarshal([]byte(read(t, alertsFile)), &file); err != nil {
		t.Fatal(err)
	}
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) == 0 {
		t.Fatal("there are no alerts")
	}
	return all
}

// TestAlerts: promtool finds that each alert fires where it should, and not where it should not.
func TestAlerts(t *testing.T) {
	promtool := program(t, "promtool")
	rules, err := filepath.Abs(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	tests := read(t, "alerts_test.yaml")
	file := filepath.Join(t.TempDir(), "tests.yaml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("rule_files: [%q]\n%s", rules, tests)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(promtool, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, a := range alerts(t) {
		if !strings.Contains(tests, "- alertname: "+a.Alert+"\n") || !strings.Contains(tests, "- {alertname: "+a.Alert+", eval_time") {
			t.Errorf("alert %s has no test in which it fires, or none in which it does not", a.Alert)
		}
	}
}

// TestRemedies: each alert is explained in docs/operations.md under its name, and nothing else is; each has a severity.
func TestRemedies(t *testing.T) {
	headings := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^### (Dunlin\w+)$`).FindAllStringSubmatch(read(t, "../../docs/operations.md"), -1) {
		headings[m[1]] = true
	}
	for _, a := range alerts(t) {
		if !headings[a.Alert] {
			t.Errorf("docs/operations.md has no heading ### %s", a.Alert)
		}
		delete(headings, a.Alert)
		if !strings.Contains("critical warning info", a.Labels["severity"]) || a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s: severity %q, annotations %v", a.Alert, a.Labels["severity"], a.Annotations)
		}
	}
	for name := range headings {
		t.Errorf("docs/operations.md explains %s, and there is no such alert", name)
	}
}

// TestNames: what alerts, dashboard and docs/operations.md name are metrics that there are.
func TestNames(t *testing.T) {
	known := make(map[string]bool)
	for _, m := range metrics.All() {
		known[m.Name] = true
	}
	for _, m := range controllers.MetricInfos() {
		known[m.Name] = true
	}
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	for _, file := range []string{alertsFile, dashboardFile, "../../docs/operations.md"} {
		for _, name := range regexp.MustCompile(`\bdunlin_\w+`).FindAllString(read(t, file), -1) {
			if !known[name] && !known[suffix.ReplaceAllString(name, "")] {
				t.Errorf("%s: there is no metric %s", file, name)
			}
		}
	}
}
