package chart

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// defaults are arguments that the chart gives and that say what is so without them: cmd/operator/options.go.
var defaults = []string{"--leader-election-id=dunlin-operator", "--log-level=INFO", "--health-probe-bind-address=:8080"}

// The chart with its defaults, and `kubectl apply -k config/default`, install the same operator.
func TestKustomizeIsTheSame(t *testing.T) {
	kustomized, errors, err := run(t, "kubectl", "kustomize", "../../config/default")
	if err != nil {
		t.Fatalf("kubectl kustomize: %v: %s", err, errors)
	}
	images := "operator.image.repository=dunlin-operator,operator.image.tag=dev,broker.image.repository=dunlin-broker,broker.image.tag=dev"
	want, got := essences(t, kustomized), essences(t, template(t, "", "--set", images))
	// Helm makes the namespace itself (--create-namespace).
	delete(want, "Namespace dunlin-system/dunlin-system")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-kustomize +chart:\n%s", diff)
	}
}

// essences are the objects by kind and name, without what may differ: labels, and what a chart calls cluster roles so that two
// releases of it fit into a cluster.
func essences(t *testing.T, text string) map[string]object {
	t.Helper()
	out := map[string]object{}
	for _, o := range objects(t, text) {
		name := strings.TrimPrefix(o.name(), "dunlin-system:")
		if ref, ok := o["roleRef"].(map[string]any); ok {
			ref["name"] = strings.TrimPrefix(ref["name"].(string), "dunlin-system:")
		}
		if spec, ok := o["spec"].(map[string]any); ok && o.kind() == "Deployment" {
			delete(spec, "selector")
			template := spec["template"].(map[string]any)
			delete(template["metadata"].(map[string]any), "labels")
			container := template["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
			container["args"] = slices.DeleteFunc(container["args"].([]any), func(a any) bool { return slices.Contains(defaults, a.(string)) })
		}
		namespace := o.namespace()
		if o.kind() == "Namespace" {
			namespace = name
		}
		delete(o, "metadata")
		out[o.kind()+" "+namespace+"/"+name] = o
	}
	return out
}
