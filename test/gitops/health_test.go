// Package gitops runs what docs/gitops.md has others run.
package gitops

import (
	"os"
	"strings"
	"testing"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

// health is the script of a kind, from the page.
func health(t *testing.T, kind string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/gitops.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```yaml\ndata:\n")
	block, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("the page has no data of a ConfigMap")
	}
	var scripts map[string]string
	if err := yaml.Unmarshal([]byte(block), &scripts); err != nil {
		t.Fatal(err)
	}
	return scripts["resource.customizations.health.mqtt.dunlin.dev_"+kind]
}

// TestHealth runs the scripts in the interpreter that Argo CD has.
func TestHealth(t *testing.T) {
	for _, test := range []struct{ status, want, message string }{
		{`{}`, "Progressing", "Waiting for the operator"},
		{`{observedGeneration: 1, conditions: [{type: Ready, status: "True", message: old}]}`, "Progressing", "Waiting for the operator"},
		{`{observedGeneration: 2}`, "Progressing", "Waiting for the operator"},
		{`{observedGeneration: 2, conditions: [{type: Reconciling, status: "True", message: r}, {type: Ready, status: "False", message: starting}]}`, "Progressing", "starting"},
		{`{observedGeneration: 2, conditions: [{type: Ready, status: "True", message: serves}, {type: Stalled, status: "False"}]}`, "Healthy", "serves"},
		{`{observedGeneration: 2, conditions: [{type: Ready, status: "False", message: no}, {type: Stalled, status: "True", message: bad image}]}`, "Degraded", "bad image"},
		{`{observedGeneration: 2, conditions: [{type: Ready, status: "True", message: serves}, {type: Paused, status: "True", message: held}]}`, "Suspended", "held"},
	} {
		for _, kind := range []string{"Broker", "User", "ACL"} {
			var status map[string]any
			if err := yaml.Unmarshal([]byte(test.status), &status); err != nil {
				t.Fatal(err)
			}
			got, message := run(t, health(t, kind), map[string]any{"metadata": map[string]any{"generation": 2.0}, "status": status})
			if got != test.want || message != test.message {
				t.Errorf("%s %s: %s %q, want %s %q", kind, test.status, got, message, test.want, test.message)
			}
		}
	}
}

// run runs a script on an object, and returns the health and its message.
func run(t *testing.T, script string, object map[string]any) (status, message string) {
	t.Helper()
	l := lua.NewState()
	defer l.Close()
	l.SetGlobal("obj", value(l, object))
	if err := l.DoString(script); err != nil {
		t.Fatal(err)
	}
	result, ok := l.Get(-1).(*lua.LTable)
	if !ok {
		t.Fatalf("the script returns %v", l.Get(-1))
	}
	return result.RawGetString("status").String(), result.RawGetString("message").String()
}

// value is a JSON value in Lua.
func value(l *lua.LState, v any) lua.LValue {
	switch v := v.(type) {
	case map[string]any:
		table := l.NewTable()
		for name, field := range v {
			table.RawSetString(name, value(l, field))
		}
		return table
	case []any:
		table := l.NewTable()
		for _, element := range v {
			table.Append(value(l, element))
		}
		return table
	case string:
		return lua.LString(v)
	case float64:
		return lua.LNumber(v)
	}
	return lua.LNil
}
