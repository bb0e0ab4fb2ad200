package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: kites.example.dev}
spec:
  group: example.dev
  names: {kind: Kite, plural: kites, shortNames: [kt]}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        description: Kite flies.
        properties:
          spec:
            type: object
            required: [tails]
            x-kubernetes-validations: [{rule: "true", message: a kite needs wind}]
            properties:
              color: {type: string, default: Red, enum: [Red, Blue], description: "Color of\nthe sail|cloth."}
              tails:
                type: array
                minItems: 1
                items: {type: object, properties: {lengthMeters: {type: integer, minimum: 1, maximum: 9}}}
              tolerations: {type: array, items: {type: object, properties: {key: {type: string}}}}
          status:
            type: object
            required: [height]
            properties: {height: {type: integer, minimum: 0, description: Height above ground.}}
`

func TestPage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kite.yaml")
	if err := os.WriteFile(file, []byte(crd), 0o600); err != nil {
		t.Fatal(err)
	}
	page, err := run([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"| [Kite](#kite) | `kt` | Kite flies. |",
		"| `spec.color` | string | `Red` | Color of the sail\\|cloth. One of `Red`, `Blue`. |",
		"| `spec.tails` | []object | **required** | At least 1 item. |",
		"| `spec.tails[].lengthMeters` | integer |  | 1 to 9. |",
		"| `spec.tolerations` | []core/v1.Toleration |  |  |",
		"- a kite needs wind",
		"| `status.height` | integer | Height above ground. |",
	} {
		if !strings.Contains(string(page), line+"\n") {
			t.Errorf("the page lacks the line\n%s", line)
		}
	}
	if strings.Contains(string(page), "tolerations[].key") {
		t.Error("a Kubernetes type is unrolled")
	}
	if t.Failed() {
		t.Logf("the page:\n%s", page)
	}
}

func TestRefused(t *testing.T) {
	for name, content := range map[string]string{
		"unknown field": "kind: CustomResourceDefinition\nspeck: {}\n",
		"another kind":  "apiVersion: v1\nkind: ConfigMap\n",
		"no schema":     "kind: CustomResourceDefinition\nspec: {versions: [{name: v1}]}\n",
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "bad.yaml")
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := run([]string{file}); err == nil || !strings.Contains(err.Error(), file) {
				t.Errorf("run = %v, want an error that names %s", err, file)
			}
		})
	}
	if _, err := run(nil); err == nil {
		t.Error("run without files succeeds")
	}
}
