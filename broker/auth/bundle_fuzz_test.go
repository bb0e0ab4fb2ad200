package auth

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// FuzzShard: whatever is in a file of a bundle, it is refused with its name, or makes a Policy that can be asked.
func FuzzShard(f *testing.F) {
	for _, s := range [][2]string{
		{"passwd-00", "ann:$7$101$MDEyMzQ1Njc4OWFi$AAAA\n"},
		{"users-00.json", `{"users":[{"name":"ann","groups":["ops"]}]}`},
		{"acls-00.json", `{"acls":[{"name":"x","subjects":[{"kind":"Everyone"}],"rules":[{"actions":["Publish","Subscribe"],"topics":["a/%u/#"]}]}]}`},
		{"acls-00.json", `{"acls":[{"priority":-1,"subjects":[{"kind":"User","name":"ann"}],"rules":[{"effect":"Deny","actions":["Publish"],"topics":["#"]}]}]}`},
		{"acls-00.json", `{"acls":null}{}`}, {"users-00.json", `[]`}, {"users-00.json", `{"users":[{"name":"ann","limits":{}}]}`},
	} {
		f.Add(s[0], []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if !shardName.MatchString(name) {
			return
		}
		m := material{passwords: &password.File{}, groups: make(map[string][]string), selected: make(map[string][]string), limits: make(map[string]config.UserLimits)}
		if err := m.addShard(name, "the/file", data); err != nil {
			if !strings.Contains(err.Error(), "the/file") {
				t.Errorf("error without its place: %v", err)
			}
			return
		}
		p := newPolicy(1, settings{anonymous: true, users: true}, m)
		for _, id := range []*Identity{{anonymous: true, clientID: "c"}, {username: "ann", clientID: "c"}} {
			if !p.Valid(id) && (p.CanPublish(id, "a/b") || p.CanSubscribe(id, "a/#") != Denied) {
				t.Errorf("user %q is not valid, and may do something", id.username)
			}
			p.Explain(id, config.ActionSubscribe, "a/+/b")
		}
		if len(m.acls) == 0 && p.CanPublish(&Identity{anonymous: true, clientID: "c"}, "a") {
			t.Error("allowed by nobody")
		}
	})
}
