package manifests_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPickBroker(t *testing.T) {
	other := strings.ReplaceAll(aBroker, "{name: edge}", "{name: core, namespace: mqtt}")
	one, _ := newLoader(t).Load([]string{write(t, map[string]string{"a.yaml": aBroker})})
	two, _ := newLoader(t).Load([]string{write(t, map[string]string{"a.yaml": aBroker, "b.yaml": other})})
	none, _ := newLoader(t).Load([]string{write(t, map[string]string{"a.yaml": aUser})})
	if b, err := one.Broker(""); err != nil || b.Name != "edge" {
		t.Errorf("the only Broker: %v, %v", b, err)
	}
	for _, name := range []string{"core", "mqtt/core"} {
		if b, err := two.Broker(name); err != nil || b.Namespace != "mqtt" {
			t.Errorf("%s: %v, %v", name, b, err)
		}
	}
	_, several := two.Broker("")
	_, unknown := two.Broker("edgy")
	_, missing := none.Broker("")
	got := []string{several.Error(), unknown.Error(), missing.Error()}
	want := []string{
		"there are 2 Brokers among the files: choose one with --broker (default/edge, mqtt/core)",
		"there is no Broker edgy among the files, only default/edge, mqtt/core",
		"there is no Broker among the files",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMembers(t *testing.T) {
	user := func(name, namespace string) string {
		return "apiVersion: mqtt.dunlin.dev/v1alpha1\nkind: User\nmetadata: {name: " + name + ", namespace: " + namespace +
			"}\nspec: {brokerRef: {name: edge, namespace: default}}\n---\n"
	}
	users := user("own", "default") + user("prod", "prod") + user("test", "test") + user("else", "elsewhere") +
		"apiVersion: mqtt.dunlin.dev/v1alpha1\nkind: User\nmetadata: {name: stray, namespace: prod}\nspec: {brokerRef: {name: edge}}\n---\n" +
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: prod, labels: {stage: prod}}\n"
	for _, tt := range []struct {
		allowed string
		want    []string
	}{
		{"", []string{"own"}},
		{"{}", []string{"own", "prod", "test", "else"}},
		{"{matchLabels: {stage: prod}}", []string{"own", "prod"}},
		{"{matchLabels: {kubernetes.io/metadata.name: test}}", []string{"own", "test"}},
		{"{matchExpressions: [{key: stage, operator: Sometimes}]}", []string{"own"}},
	} {
		t.Run(tt.allowed, func(t *testing.T) {
			broker := aBroker
			if tt.allowed != "" {
				broker += "spec: {allowedNamespaces: " + tt.allowed + "}\n"
			}
			set, problems := newLoader(t).Load([]string{write(t, map[string]string{"b.yaml": broker, "u.yaml": users})})
			var got []string
			for _, u := range set.UsersOf(&set.Brokers[0]) {
				got = append(got, u.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if left := 5 - len(tt.want); len(problems.Warnings()) != left {
				t.Errorf("%d Users are left out, %d warnings:\n%s", left, len(problems.Warnings()), text(problems))
			}
			if bad := strings.Contains(tt.allowed, "Sometimes"); bad != (len(problems.Errors()) == 1) {
				t.Error(text(problems.Errors()))
			}
		})
	}
}
