package auth

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

var press = &config.Selector{MatchLabels: map[string]string{"team": "press"}}

const pressACL = `{"acls":[{"name":"ns/a","subjects":[{"kind":"User","selector":{"matchLabels":{"team":"press"}}}],"rules":[{"actions":["Publish"],"topics":["press/#"]}]}]}`

// TestSelectedUsers: who has the selector's ID among its attributes is whom the rule is for, whatever its groups are called.
func TestSelectedUsers(t *testing.T) {
	dir := t.TempDir()
	b := bundle{
		"users-00.json": `{"users":[{"name":"ann","selectors":["` + press.ID() + `","of-no-rule"]},{"name":"bob","groups":["` + press.ID() + `"]},{"name":"cid"}]}`,
		"acls-00.json":  pressACL,
	}
	b.mount(t, dir, "r1", b.manifest(t, "r1"))
	log, _ := newLog()
	a, err := Open(config.Config{AuthFiles: config.AuthFiles{BundleDir: dir}}, log)
	if err != nil || !a.Loaded() {
		t.Fatal(err, a.Failure())
	}
	p := a.Policy()
	for user, want := range map[string]bool{"ann": true, "bob": false, "cid": false} {
		id := Suppose("c", user, "")
		if p.CanPublish(id, "press/1") != want {
			t.Errorf("%s may publish: %v", user, !want)
		}
		if got := len(p.Considered(id, config.ActionPublish, 9)) > 0; got != want {
			t.Errorf("%s is concerned: %v", user, got)
		}
	}
	if got := p.Selected("ann"); !slices.Equal(got, []string{"Users with team=press"}) {
		t.Errorf("ann is selected by %q", got)
	}
	if len(p.Groups("ann")) != 0 {
		t.Error("a selector passes for a group")
	}
}

func TestSelectorInAnACLFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "acls.json")
	write(t, file, pressACL)
	log, _ := newLog()
	_, err := Open(config.Config{AuthFiles: config.AuthFiles{ACLFile: file}}, log)
	if err == nil || !strings.Contains(err.Error(), "acls[0].subjects[0].selector: picks User objects by their labels") {
		t.Errorf("%v", err)
	}
}
