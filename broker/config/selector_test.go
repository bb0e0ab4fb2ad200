package config

import (
	"regexp"
	"strings"
	"testing"
)

func TestSelectorSaysTheSame(t *testing.T) {
	in := func(key string, values ...string) SelectorRequirement {
		return SelectorRequirement{Key: key, Operator: SelectorIn, Values: values}
	}
	for want, same := range map[string][]Selector{
		"": {{}, {MatchLabels: map[string]string{}, MatchExpressions: []SelectorRequirement{}}},
		"team=press": {
			{MatchLabels: map[string]string{"team": "press"}},
			{MatchExpressions: []SelectorRequirement{in("team", "press", "press")}},
			{MatchLabels: map[string]string{"team": "press"}, MatchExpressions: []SelectorRequirement{in("team", "press")}},
		},
		"!old,env notin (a,b),role,tier in (gold,silver)": {
			{MatchExpressions: []SelectorRequirement{
				in("tier", "silver", "gold"), {Key: "role", Operator: SelectorExists}, {Key: "old", Operator: SelectorDoesNotExist},
				{Key: "env", Operator: SelectorNotIn, Values: []string{"b", "a"}},
			}},
		},
	} {
		for _, s := range same {
			if got := s.String(); got != want {
				t.Errorf("%q, want %q", got, want)
			}
			if s.ID() != same[0].ID() || !regexp.MustCompile(`^[-_A-Za-z0-9]{16}$`).MatchString(s.ID()) {
				t.Errorf("%q has the ID %s", want, s.ID())
			}
		}
	}
	if a, b := (&Selector{}).ID(), (&Selector{MatchLabels: map[string]string{"a": ""}}).ID(); a == b {
		t.Error("two selectors share an ID")
	}
}

func TestSubjectString(t *testing.T) {
	for want, s := range map[string]Subject{
		"User ann": {Kind: SubjectUser, Name: "ann"}, "Everyone": {Kind: SubjectEveryone}, "All Users": {Kind: SubjectUser, Selector: &Selector{}},
		"Users with a=b": {Kind: SubjectUser, Selector: &Selector{MatchLabels: map[string]string{"a": "b"}}},
	} {
		if got := s.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestSelectorsInAFile(t *testing.T) {
	const file = `
acls:
- name: a
  subjects:
  - {kind: User, selector: {matchLabels: {team: press, tier: gold}}}
  - {kind: User, name: x, selector: {}}
  - {kind: Group, selector: {}}
  - {kind: User, selector: {matchExpressions: [{key: a, operator: In}, {key: b, operator: Exists, values: [x]}, {key: c, operator: Like}, {operator: Exists}]}}
  - {kind: User, selector: {matchLabels: [a]}}
  - {kind: User, selector: {matchLabels: {a: 1, b: x, b: y}}}
  rules: [{actions: [Publish], topics: [a]}]
`
	_, err := ParseACLSet([]byte(file), "f", nil)
	want := `f:6: acls[0].subjects[1].selector: is for kind User alone, and in place of name
f:7: acls[0].subjects[2].selector: is for kind User alone, and in place of name
f:8: acls[0].subjects[3].selector.matchExpressions[0].values: must be set for In and NotIn, and left out for Exists and DoesNotExist
f:8: acls[0].subjects[3].selector.matchExpressions[1].values: must be set for In and NotIn, and left out for Exists and DoesNotExist
f:8: acls[0].subjects[3].selector.matchExpressions[2].operator: "Like" is not one of In, NotIn, Exists, DoesNotExist
f:8: acls[0].subjects[3].selector.matchExpressions[3].key: must be set
f:9: acls[0].subjects[4].selector.matchLabels: must be a mapping, not a list
f:10: acls[0].subjects[5].selector.matchLabels.a: must be a string (put it in quotes), not 1
f:10: acls[0].subjects[5].selector.matchLabels.b: is set twice, in line 10 already`
	if err == nil {
		t.Fatal("accepted")
	}
	got := strings.Split(err.Error(), "\n")
	for _, line := range strings.Split(want, "\n") {
		found := false
		for _, g := range got {
			found = found || g == line
		}
		if !found {
			t.Errorf("no %s in\n%s", line, err)
		}
	}
	set, err := ParseACLSet([]byte(strings.Join(strings.Split(file, "\n")[:6], "\n")+"\n  rules: [{actions: [Publish], topics: [a]}]\n"), "f", nil)
	if err == nil {
		t.Fatalf("accepted %v", set)
	}
	set, err = ParseACLSet([]byte(strings.Join(strings.Split(file, "\n")[:5], "\n")+"\n  rules: [{actions: [Publish], topics: [a]}]\n"), "f", nil)
	if err != nil || set.ACLs[0].Subjects[0].String() != "Users with team=press,tier=gold" {
		t.Errorf("%v, %v", set, err)
	}
}
