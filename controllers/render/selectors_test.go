package render_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

func selecting(name string, selectors ...config.Selector) render.NamedACL {
	a := acl(name, "x/#")
	a.Spec.Subjects = nil
	for i := range selectors {
		a.Spec.Subjects = append(a.Spec.Subjects, config.Subject{Kind: config.SubjectUser, Selector: &selectors[i]})
	}
	return render.ACL(a)
}

// TestSelectorsPickAsKubernetesDoes holds the index to the naive way.
func TestSelectorsPickAsKubernetesDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string { return string(rune('a' + random.IntN(n))) }
	for range 300 {
		var selectors []config.Selector
		for range 1 + random.IntN(8) {
			var s config.Selector
			for range random.IntN(3) {
				if s.MatchLabels == nil {
					s.MatchLabels = map[string]string{}
				}
				s.MatchLabels[word(4)] = word(3)
			}
			for range random.IntN(3) {
				r := config.SelectorRequirement{Key: word(4), Operator: []config.SelectorOperator{"In", "NotIn", "Exists", "DoesNotExist"}[random.IntN(4)]}
				if strings.HasSuffix(string(r.Operator), "In") {
					r.Values = []string{word(3), word(3)}
				}
				s.MatchExpressions = append(s.MatchExpressions, r)
			}
			selectors = append(selectors, s)
		}
		index := render.NewSelectors([]render.NamedACL{selecting("a", selectors...), selecting("b", selectors[0])})
		for range 20 {
			has := map[string]string{}
			for range random.IntN(5) {
				has[word(4)] = word(3)
			}
			var want []string
			for _, s := range selectors {
				data, _ := json.Marshal(s)
				k := &metav1.LabelSelector{}
				if err := json.Unmarshal(data, k); err != nil {
					t.Fatal(err)
				}
				if m, err := metav1.LabelSelectorAsSelector(k); err != nil || m.Matches(labels.Set(has)) {
					want = append(want, s.ID())
				}
			}
			slices.Sort(want)
			want = slices.Compact(want)
			if diff := cmp.Diff(want, index.Of(has)); diff != "" {
				t.Fatalf("%v of %+v:\n%s", has, selectors, diff)
			}
		}
	}
}

// TestRelabelled: another label is another shard's content, and no other's; HasAccount sees it.
func TestRelabelled(t *testing.T) {
	press := config.Selector{MatchLabels: map[string]string{"team": "press"}}
	rules := []render.NamedACL{selecting("a", press), selecting("b", press)}
	users := accounts()
	before := auth(t, users, rules)
	users[0].Labels = map[string]string{"team": "press", "other": "x"}
	after := auth(t, users, rules)
	changed := []int{}
	for i := range before.Shards {
		if !cmp.Equal(before.Shards[i], after.Shards[i]) {
			changed = append(changed, i)
		}
	}
	shard := render.Shard(users[0].Username)
	if !slices.Equal(changed, []int{shard}) {
		t.Errorf("shards %v have changed, of %d", changed, shard)
	}
	index := render.NewSelectors(rules)
	if !render.HasAccount(after.Shards[shard], users[0], index) || render.HasAccount(before.Shards[shard], users[0], index) {
		t.Error("it is not told which bundle knows the label")
	}
	if text := string(after.Shards[shard][fmt.Sprintf(config.BundleUsersFmt, shard)]); strings.Contains(text, "press") || !strings.Contains(text, press.ID()) {
		t.Errorf("the broker is told %s", text)
	}
	users[0].Labels["other"] = "y"
	if again := auth(t, users, rules); again.Revision != after.Revision {
		t.Error("a label that nobody asks for makes a revision")
	}
}

func TestSelectorsThatCannotBe(t *testing.T) {
	a := acl("a", "x")
	a.Spec.Subjects = []config.Subject{
		{Kind: config.SubjectUser, Selector: &config.Selector{MatchLabels: map[string]string{"team": "press"}}},
		{Kind: config.SubjectUser, Selector: &config.Selector{MatchLabels: map[string]string{"not a name": "x"}}},
	}
	err := render.ValidateACL(a)
	if err == nil || !strings.Contains(err.Error(), "spec.subjects[1].selector: ") || strings.Contains(err.Error(), "subjects[0]") {
		t.Errorf("%v", err)
	}
}

// TestAnEmptySelectorStaysOne: what is read from the bundle is what was written to it.
func TestAnEmptySelectorStaysOne(t *testing.T) {
	a := selecting("a", config.Selector{MatchLabels: map[string]string{}, MatchExpressions: []config.SelectorRequirement{}})
	b := auth(t, accounts(), []render.NamedACL{a})
	if !render.HasACL(b.Shards[render.Shard(a.Name)], a) {
		t.Error("it is not found")
	}
	if got := render.NewSelectors([]render.NamedACL{a}).Of(nil); len(got) != 1 {
		t.Errorf("it picks %v", got)
	}
}

// BenchmarkSelectors is what a Broker's pass does beside all else: 20,000 Users by the selectors of 5,000 ACLs, each with a label
// that all have.
func BenchmarkSelectors(b *testing.B) {
	var rules []render.NamedACL
	for i := range 5000 {
		rules = append(rules, selecting(fmt.Sprint(i), config.Selector{MatchLabels: map[string]string{"app": "x", "team": fmt.Sprint(i)}}))
	}
	users := make([]map[string]string, 20000)
	for i := range users {
		users[i] = map[string]string{"app": "x", "team": fmt.Sprint(i % 5000), "site": fmt.Sprint(i % 7)}
	}
	for b.Loop() {
		index := render.NewSelectors(rules)
		for _, u := range users {
			if len(index.Of(u)) != 1 {
				b.Fatal("not found")
			}
		}
	}
}
