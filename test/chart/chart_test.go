package chart

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// withoutURLs are those of rules that a Role can have.
func withoutURLs(t *testing.T, rules any) (out []any) {
	t.Helper()
	for _, rule := range rules.([]any) {
		if _, urls := rule.(map[string]any)["nonResourceURLs"]; !urls {
			out = append(out, rule)
		}
	}
	return out
}

// rules are those of config/rbac/role.yaml, which is generated from the code.
func rules(t *testing.T) any {
	t.Helper()
	data, err := os.ReadFile("../../config/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return objects(t, string(data))[0]["rules"]
}

func TestTemplate(t *testing.T) {
	files, err := filepath.Glob("testdata/*.values.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d values files, %v", len(files), err)
	}
	operators := rules(t)
	namespaced := withoutURLs(t, operators)
	for _, values := range files {
		name := strings.TrimSuffix(filepath.Base(values), ".values.yaml")
		t.Run(name, func(t *testing.T) {
			if out, _, err := run(t, "helm", "lint", "--strict", chart, "--values", values); err != nil {
				t.Errorf("helm lint: %s", out)
			}
			var got strings.Builder
			for _, o := range objects(t, template(t, values)) {
				switch {
				case o.kind() == "CustomResourceDefinition":
					continue // TestCRDs
				case reflect.DeepEqual(o["rules"], operators):
					o["rules"] = "those of config/rbac/role.yaml"
				case o.kind() == "Role" && reflect.DeepEqual(o["rules"], namespaced):
					o["rules"] = "those of config/rbac/role.yaml, but for URLs"
				case o.kind() == "PrometheusRule":
					o["spec"] = "that of config/monitoring/prometheusrule.yaml"
				case strings.HasSuffix(o.name(), "-dashboard"):
					o["data"] = "config/monitoring/dashboard.json"
				}
				text, err := yaml.Marshal(o)
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString("---\n" + string(text))
			}
			golden := strings.Replace(values, ".values.", ".golden.", 1)
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("-want +got, and -update writes it:\n%s", diff)
			}
		})
	}
}

// Values that cannot be meant are refused, before anything is installed, with the value's name.
func TestSchema(t *testing.T) {
	for set, want := range map[string]string{
		"operator.replicas=-1":               "operator/replicas",
		"operator.replica=2":                 "replica",
		"operator.logLevel=loud":             "operator/logLevel",
		"operator.image.pullPolicy=Sometime": "operator/image/pullPolicy",
		"operator.image.repository=":         "operator/image/repository",
		"broker.image.repository=":           "broker/image/repository",
		"watchNamespaces=teams":              "watchNamespaces",
		"watchNamespaces={a,a}":              "watchNamespaces",
		"metrics.port=80":                    "metrics/port",
		"crds.install=maybe":                 "crds/install",
		"imagePullSecrets[0].nam=x":          "imagePullSecrets",
		"nothing.like.this=1":                "nothing",
	} {
		_, errors, err := run(t, "helm", "template", "dunlin", chart, "--set", set)
		if err == nil || !strings.Contains(errors, want) {
			t.Errorf("%s: %v, %s; want it refused, naming %s", set, err, errors, want)
		}
	}
	_, errors, err := run(t, "helm", "template", "dunlin", chart, "--set",
		"metrics.enabled=true,metrics.serviceMonitor.enabled=true,metrics.serviceMonitor.prometheus.serviceAccount=p")
	if err == nil || !strings.Contains(errors, "metrics.serviceMonitor.prometheus.namespace") {
		t.Errorf("a service account without a namespace: %v, %s", err, errors)
	}
}

// The schema has each value that values.yaml has, so that no default is refused and none is unknown.
func TestSchemaKnowsEachValue(t *testing.T) {
	var values, schema map[string]any
	for file, into := range map[string]*map[string]any{"values.yaml": &values, "values.schema.json": &schema} {
		data, err := os.ReadFile(filepath.Join(chart, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	var known func(path string, values, schema map[string]any)
	known = func(path string, values, schema map[string]any) {
		properties, _ := schema["properties"].(map[string]any)
		for key, value := range values {
			property, ok := properties[key].(map[string]any)
			if !ok {
				t.Errorf("values.schema.json has no %s%s", path, key)
				continue
			}
			inner, ok := value.(map[string]any)
			if ok && property["properties"] != nil {
				known(path+key+".", inner, property)
			}
		}
		for key := range properties {
			if _, ok := values[key]; !ok && path+key != "global" {
				t.Errorf("values.yaml has no %s%s, and so no words about it", path, key)
			}
		}
	}
	known("", values, schema)
}

// The CRDs are among the templates, and not in the folder crds/, whose content helm installs and never upgrades. They stay when
// the release goes.
func TestCRDs(t *testing.T) {
	if _, err := os.Stat(filepath.Join(chart, "crds")); err == nil {
		t.Error("the chart has a folder crds/, which helm does not upgrade")
	}
	found := map[string]object{}
	for _, o := range objects(t, template(t, "")) {
		if o.kind() == "CustomResourceDefinition" {
			found[o.name()] = o
		}
	}
	files, err := filepath.Glob("../../config/crd/mqtt.dunlin.dev_*.yaml")
	if err != nil || len(files) != 3 || len(found) != 3 {
		t.Fatalf("%d files, %v, and %d in the chart", len(files), err, len(found))
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want := objects(t, string(data))[0]
		got := found[want.name()]
		if diff := cmp.Diff(want["spec"], got["spec"]); diff != "" {
			t.Errorf("%s: -config +chart:\n%s", want.name(), diff)
		}
		annotations, _ := got["metadata"].(map[string]any)["annotations"].(map[string]any)
		if annotations["helm.sh/resource-policy"] != "keep" {
			t.Errorf("%s would go with the release, and all objects with it", want.name())
		}
	}
	for _, o := range objects(t, template(t, "", "--set", "crds.install=false")) {
		if o.kind() == "CustomResourceDefinition" {
			t.Errorf("crds.install=false has %s", o.name())
		}
	}
}
