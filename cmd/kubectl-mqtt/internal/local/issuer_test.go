package local

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/token/tokentest"
)

// TestIssuer: tokens are taken by the keys of a file, for the namespaces that the Broker allows; without one that is said, and none are.
func TestIssuer(t *testing.T) {
	t.Chdir(t.TempDir())
	const broker = "BROKER {authentication: {serviceAccounts: {}}"
	const rest = `}
ACL {name: a}
spec: {REF, subjects: [{kind: ServiceAccount, name: other/press}, {kind: ServiceAccount, name: press}], rules: [{actions: [Publish], topics: [x]}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: friend, labels: {mqtt: "yes"}}
`
	for file, text := range map[string]string{"jwks.json": string(tokentest.JWKS(t, tokentest.New(t))), "bad.json": `{"keys": []}`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		text  string
		o     Options
		want  []string // the namespaces
		any   bool
		note  string
		fails string
	}{
		"no keys":         {broker + rest, Options{}, nil, false, "takes no tokens of ServiceAccounts", ""},
		"no issuer":       {broker + rest, Options{TokenKeys: "jwks.json"}, nil, false, "takes no tokens of ServiceAccounts", ""},
		"its own":         {broker + rest, Options{TokenKeys: "jwks.json", Issuer: "x"}, []string{"default"}, false, "", ""},
		"by name":         {broker + ", allowedNamespaces: {matchLabels: {kubernetes.io/metadata.name: other}}" + rest, Options{TokenKeys: "jwks.json", Issuer: "x"}, []string{"default", "other"}, false, "", ""},
		"by label":        {broker + ", allowedNamespaces: {matchLabels: {mqtt: 'yes'}}" + rest, Options{TokenKeys: "jwks.json", Issuer: "x"}, []string{"default", "friend"}, false, "", ""},
		"all":             {broker + ", allowedNamespaces: {}" + rest, Options{TokenKeys: "jwks.json", Issuer: "x"}, nil, true, "", ""},
		"keys of nothing": {broker + rest, Options{TokenKeys: "bad.json", Issuer: "x"}, nil, false, "", "bad.json: parse token keys"},
		"no such file":    {broker + rest, Options{TokenKeys: "none.json", Issuer: "x"}, nil, false, "", "none.json"},
		"none asked for":  {"BROKER {" + rest, Options{TokenKeys: "none.json", Issuer: "x"}, nil, false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			set := load(t, c.text)
			p := &plan{broker: &set.Brokers[0]}
			issuer, err := p.issuer(set, c.o)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v, want %q", err, c.fails)
				}
				return
			}
			if notes := strings.Join(p.notes, "\n"); err != nil || !strings.Contains(notes, c.note) || (c.note == "") != (notes == "") {
				t.Fatalf("%v, notes %q", err, notes)
			}
			if (issuer == nil) != (c.want == nil && !c.any) {
				t.Fatalf("%+v", issuer)
			}
			if issuer != nil {
				if diff := cmp.Diff(c.want, issuer.Namespaces); diff != "" || issuer.AnyNamespace != c.any {
					t.Errorf("any %v\n%s", issuer.AnyNamespace, diff)
				}
			}
		})
	}
}

// TestExampleByLabels: who a selector picks is shown what it may.
func TestExampleByLabels(t *testing.T) {
	t.Chdir(t.TempDir())
	p := planOf(t, `
BROKER {}
USER {name: ann, labels: {team: press}}
spec: {REF}
ACL {name: a}
spec: {REF, subjects: [{kind: User, selector: {matchLabels: {team: press}}}], rules: [{actions: [Publish, Subscribe], topics: ["press/#"]}]}
`, now)
	if e, ok := p.pickExample(); !ok || e.filter != "press/#" {
		t.Errorf("%+v", e)
	}
}
