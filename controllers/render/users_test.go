package render_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

func TestResolveUsers(t *testing.T) {
	suspended := user("default", "old", "shared", 9)
	suspended.Spec.Suspended = true
	users := []v1alpha1.User{
		user("default", "zoe", "", 1),
		user("default", "young", "bob", 1),
		user("default", "bob", "", 5),
		user("b", "same", "twin", 3),
		user("a", "same", "twin", 3),
		user("a", "later", "twin", 3),
		user("default", "new", "shared", 1),
		suspended,
	}
	for range 2 { // in any order
		winners, losers := render.ResolveUsers(users)
		var got []string
		for _, u := range winners {
			got = append(got, render.Username(u)+" "+u.Namespace+"/"+u.Name)
		}
		want := []string{"bob default/bob", "shared default/old", "twin a/later", "zoe default/zoe"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		lost := map[string]string{}
		for name, first := range losers {
			lost[name.String()] = first.Namespace + "/" + first.Name
		}
		wantLost := map[string]string{
			"default/young": "default/bob", "a/same": "a/later", "b/same": "a/later", "default/new": "default/old",
		}
		if diff := cmp.Diff(wantLost, lost); diff != "" {
			t.Error(diff)
		}
		slices.Reverse(users)
	}
}
