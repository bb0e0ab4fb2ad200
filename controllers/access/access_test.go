package access_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/access"
)

func read[T any](t *testing.T, text string) *T {
	t.Helper()
	o := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), o); err != nil {
		t.Fatal(err)
	}
	return o
}

const sensors = `
metadata: {name: sensors, namespace: plant}
spec:
  brokerRef: {name: edge}
  subjects: [{kind: Group, name: sensors}, {kind: Anonymous}]
  rules:
  - {effect: Deny, actions: [Publish], topics: [plant/secret/#]}
  - {effect: Allow, actions: [Publish, Subscribe], topics: ["plant/#", "own/${username}/${clientid}/#"]}
`

func TestTests(t *testing.T) {
	for name, c := range map[string]struct{ test, want string }{
		"allowed":             {`{as: {user: s1, groups: [sensors]}, action: Publish, topic: plant/1, expect: Allow}`, ""},
		"denied":              {`{as: {user: s1, groups: [sensors]}, action: Publish, topic: plant/secret/x, expect: Deny}`, ""},
		"anonymous":           {`{action: Subscribe, topic: plant/+, expect: Allow}`, ""},
		"of nobody's group":   {`{as: {user: s1}, action: Publish, topic: plant/1, expect: Deny}`, ""},
		"its own":             {`{as: {user: s1, groups: [sensors], clientID: c}, action: Publish, topic: own/s1/c/x, expect: Allow}`, ""},
		"another's":           {`{as: {user: s1, groups: [sensors], clientID: c}, action: Publish, topic: own/s2/c/x, expect: Deny}`, ""},
		"a wrong expectation": {`{as: {user: s1, groups: [sensors]}, action: Publish, topic: plant/secret/x, expect: Allow}`, `spec.tests[0]: user "s1" of sensors publishing to "plant/secret/x": expected Allow, but spec.rules[0] denies it`},
		"no rule":             {`{as: {user: s1}, action: Publish, topic: plant/1, expect: Allow}`, `spec.tests[0]: user "s1" publishing to "plant/1": expected Allow, but no rule allows it`},
		"no topic name":       {`{action: Publish, topic: plant/#, expect: Allow}`, `spec.tests[0]: topic: `},
		"a shared filter":     {`{action: Subscribe, topic: $share/g/plant/#, expect: Allow}`, `write plant/#`},
	} {
		t.Run(name, func(t *testing.T) {
			err := access.Test(read[v1alpha1.ACL](t, sensors+"  tests: ["+c.test+"]\n"))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestShadowed(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		want  []string
	}{
		"none":             {`[{effect: Deny, actions: [Publish], topics: [a/b]}, {actions: [Publish], topics: [a/#]}]`, nil},
		"denied":           {`[{actions: [Publish], topics: [a/b]}, {effect: Deny, actions: [Publish, Subscribe], topics: [a/#]}]`, []string{`spec.rules[0].topics[0] "a/b" never decides: spec.rules[1].topics[0] "a/#", which denies it, is asked first`}},
		"another action":   {`[{actions: [Publish], topics: [a/b]}, {effect: Deny, actions: [Subscribe], topics: [a/#]}]`, nil},
		"one of two":       {`[{actions: [Publish, Subscribe], topics: [a/b]}, {effect: Deny, actions: [Subscribe], topics: [a/#]}]`, nil},
		"twice":            {`[{actions: [Publish], topics: [a/+, a/b]}]`, []string{`spec.rules[0].topics[1] "a/b" never decides: spec.rules[0].topics[0] "a/+", which allows it, is asked first`}},
		"wider later":      {`[{actions: [Publish], topics: [a/b]}, {actions: [Publish], topics: [a/#]}]`, nil},
		"a variable":       {`[{actions: [Publish], topics: [a/+]}, {actions: [Publish], topics: ["a/${username}"]}]`, []string{`spec.rules[1].topics[0] "a/${username}" never decides: spec.rules[0].topics[0] "a/+", which allows it, is asked first`}},
		"topics with $":    {`[{actions: [Subscribe], topics: ["#"]}, {actions: [Subscribe], topics: ["$SYS/#"]}]`, nil},
		"Deny beats order": {`[{actions: [Publish], topics: ["#"]}, {effect: Deny, actions: [Publish], topics: [x]}]`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			a := &v1alpha1.ACL{}
			a.Spec.Rules = *read[[]config.Rule](t, c.rules)
			if diff := cmp.Diff(c.want, access.Shadowed(a)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAsk(t *testing.T) {
	b := read[v1alpha1.Broker](t, "metadata: {name: edge, namespace: plant}")
	users := *read[[]v1alpha1.User](t, `
- {metadata: {name: s1}, spec: {groups: [sensors]}}
- {metadata: {name: s2}, spec: {groups: [sensors], suspended: true}}
- {metadata: {name: ann}}
`)
	p := access.Policy(b, users, []v1alpha1.ACL{*read[v1alpha1.ACL](t, sensors)}, nil)
	for want, q := range map[string]access.Question{
		"true plant/sensors rule 2 allows it":                                           {User: "s1", Action: config.ActionPublish, Topic: "plant/1"},
		"false plant/sensors rule 1 denies it":                                          {User: "s1", Action: config.ActionPublish, Topic: "plant/secret/1"},
		"false no rule allows it, and the default policy is Deny":                       {User: "ann", Action: config.ActionPublish, Topic: "plant/1"},
		`false there is no user "s2", or it is suspended`:                               {User: "s2", Action: config.ActionPublish, Topic: "plant/1"},
		"false anonymous clients are not allowed":                                       {Action: config.ActionPublish, Topic: "plant/1"},
		"false topics below $SYS are the broker's own, whatever the rules say":          {User: "s1", Action: config.ActionPublish, Topic: "$SYS/x"},
		"false no rule allows it, and topics that begin with $ need one":                {User: "s1", Action: config.ActionSubscribe, Topic: "$SYS/#"},
		"true plant/sensors rule 2 allows it, also of what is below its own identifier": {User: "s1", ClientID: "c", Action: config.ActionSubscribe, Topic: "own/s1/c/#"},
	} {
		got, err := access.Ask(p, q)
		text := "false " + got.Why
		if got.Allowed {
			text = "true " + got.Why
		}
		if want, _, _ := strings.Cut(want, ", also"); err != nil || text != want {
			t.Errorf("%+v: %s, %v, want %s", q, text, err, want)
		}
	}
	if _, err := access.Ask(p, access.Question{User: "s1", Action: config.ActionPublish, Topic: "a/+"}); err == nil {
		t.Error("a filter is published to")
	}
}
