package auth

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// policyOf makes a Policy of ACLs in a form that fits a line: "priority; subjects; effect action topics; ...", where a
// subject is User:name, Group:name, ClientID:name, Everyone or Anonymous, and an action P, S or PS.
func policyOf(t testing.TB, s settings, acls ...string) *Policy {
	t.Helper()
	m := material{passwords: &password.File{}, groups: map[string][]string{"ann": {"staff", "ops"}}}
	for _, user := range []string{"ann", "bob", "a/b", "$SYS"} {
		line := user + ":" + testHash("secret of "+user)
		if err := m.passwords.Add(strings.NewReader(line), "test"); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range acls {
		m.acls = append(m.acls, aclOf(t, fmt.Sprintf("ns/%d", i), text))
	}
	if err := (config.ACLSet{ACLs: m.acls}).Validate(validTopic); err != nil {
		t.Fatal(err)
	}
	return newPolicy(1, s, m)
}

func aclOf(t testing.TB, name, text string) config.ACL {
	t.Helper()
	parts := strings.Split(text, "; ")
	acl := config.ACL{Name: name}
	if _, err := fmt.Sscan(parts[0], &acl.Priority); err != nil {
		t.Fatal(err)
	}
	for _, s := range strings.Fields(parts[1]) {
		kind, name, _ := strings.Cut(s, ":")
		acl.Subjects = append(acl.Subjects, config.Subject{Kind: config.SubjectKind(kind), Name: name})
	}
	for _, r := range parts[2:] {
		words := strings.Fields(r)
		rule := config.Rule{Effect: config.Effect(words[0]), Topics: words[2:]}
		if strings.Contains(words[1], "P") {
			rule.Actions = append(rule.Actions, config.ActionPublish)
		}
		if strings.Contains(words[1], "S") {
			rule.Actions = append(rule.Actions, config.ActionSubscribe)
		}
		acl.Rules = append(acl.Rules, rule)
	}
	return acl
}

func testHash(secret string) string {
	h, err := password.HashWith([]byte(secret), []byte("123456789012"), 1)
	if err != nil {
		panic(err)
	}
	return h
}

// user is the Identity of a user that policyOf knows; "" is an anonymous client.
func user(name, clientID string) *Identity {
	if name == "" {
		return &Identity{clientID: clientID, anonymous: true}
	}
	return &Identity{username: name, clientID: clientID, line: testHash("secret of " + name)}
}

func TestPolicy(t *testing.T) {
	type want struct {
		who, client, action, topic string // action: P publish, R receive, S subscribe
		want                       Verdict
	}
	tests := []struct {
		name     string
		settings settings
		acls     []string
		want     []want
	}{
		{"nothing matches: the default policy denies", settings{}, []string{"0; User:ann; Allow PS a"}, []want{
			{"ann", "", "P", "a", Allowed}, {"ann", "", "P", "b", Denied}, {"bob", "", "P", "a", Denied},
			{"ann", "", "S", "a", Allowed}, {"ann", "", "S", "b", Denied}, {"ann", "", "R", "b", Denied},
		}},
		{"nothing matches: the default policy allows, but not $-topics", settings{defaultAllow: true}, nil, []want{
			{"ann", "", "P", "b", Allowed}, {"ann", "", "S", "#", Allowed}, {"ann", "", "R", "b", Allowed},
			{"ann", "", "P", "$SYS/x", Denied}, {"ann", "", "S", "$SYS/#", Denied}, {"ann", "", "R", "$SYS/x", Denied},
		}},
		{"$-topics need a rule that begins so", settings{}, []string{"0; User:ann; Allow PS # +/x", "0; User:bob; Allow S $SYS/#"}, []want{
			{"ann", "", "P", "$SYS/x", Denied}, {"ann", "", "S", "$SYS/#", Denied}, {"ann", "", "S", "#", Allowed},
			{"bob", "", "S", "$SYS/#", Allowed}, {"bob", "", "R", "$SYS/x", Allowed}, {"bob", "", "P", "$SYS/x", Denied},
		}},
		{"actions are apart", settings{}, []string{"0; User:ann; Allow P p; Allow S s"}, []want{
			{"ann", "", "P", "p", Allowed}, {"ann", "", "S", "p", Denied}, {"ann", "", "R", "p", Denied},
			{"ann", "", "P", "s", Denied}, {"ann", "", "S", "s", Allowed}, {"ann", "", "R", "s", Allowed},
		}},
		{"subjects", settings{anonymous: true}, []string{"0; User:ann; Allow P u", "0; Group:ops; Allow P g", "0; ClientID:c1; Allow P c",
			"0; Everyone; Allow P e", "0; Anonymous; Allow P n", "0; User:bob Group:ops; Allow P both"}, []want{
			{"ann", "", "P", "u", Allowed}, {"bob", "", "P", "u", Denied}, {"", "ann", "P", "u", Denied},
			{"ann", "", "P", "g", Allowed}, {"bob", "", "P", "g", Denied}, {"", "", "P", "g", Denied},
			{"bob", "c1", "P", "c", Allowed}, {"bob", "c2", "P", "c", Denied}, {"", "c1", "P", "c", Allowed},
			{"bob", "", "P", "e", Allowed}, {"", "", "P", "e", Allowed},
			{"ann", "", "P", "n", Denied}, {"", "", "P", "n", Allowed},
			{"ann", "", "P", "both", Allowed}, {"bob", "", "P", "both", Allowed}, {"", "", "P", "both", Denied},
		}},
		{"the highest priority decides", settings{}, []string{"5; Everyone; Deny PS a/#", "10; User:ann; Allow PS a/b", "1; Everyone; Allow PS #"}, []want{
			{"ann", "", "P", "a/b", Allowed}, {"ann", "", "P", "a/c", Denied}, {"bob", "", "P", "a/b", Denied}, {"bob", "", "P", "b", Allowed},
			{"ann", "", "S", "a/b", Allowed}, {"ann", "", "S", "a/#", Denied}, {"ann", "", "S", "#", PerTopic},
			{"ann", "", "R", "a/b", Allowed}, {"ann", "", "R", "a/c", Denied}, {"ann", "", "R", "z", Allowed},
		}},
		{"Deny beats Allow at equal priority, in whatever order", settings{}, []string{"0; User:ann; Allow PS a/#; Deny PS a/b", "0; User:bob; Deny PS a/b", "0; User:bob; Allow PS a/#"}, []want{
			{"ann", "", "P", "a/b", Denied}, {"ann", "", "P", "a/c", Allowed}, {"ann", "", "S", "a/#", PerTopic}, {"ann", "", "S", "a/b", Denied},
			{"ann", "", "S", "a/c", Allowed}, {"ann", "", "S", "a/+/c", Allowed}, {"bob", "", "P", "a/b", Denied}, {"bob", "", "S", "a/+", PerTopic},
		}},
		{"a Deny below the Allow does not bite", settings{}, []string{"1; User:ann; Allow S a/#", "0; User:ann; Deny S a/b"}, []want{
			{"ann", "", "S", "a/#", Allowed}, {"ann", "", "S", "a/b", Allowed}, {"ann", "", "R", "a/b", Allowed},
		}},
		{"an Allow that overlaps takes nothing away", settings{}, []string{"1; User:ann; Allow S a/b", "0; User:ann; Allow S a/#"}, []want{
			{"ann", "", "S", "a/#", Allowed}, {"ann", "", "S", "a/+", Allowed},
		}},
		{"a filter must be covered whole", settings{}, []string{"0; User:ann; Allow S a/+/c b/c"}, []want{
			{"ann", "", "S", "a/#", Denied}, {"ann", "", "S", "a/+/c", Allowed}, {"ann", "", "S", "a/b/c", Allowed},
			{"ann", "", "S", "+/c", Denied}, {"ann", "", "S", "a/b", Denied}, {"ann", "", "S", "b/+", Denied},
		}},
		{"by default allowed, with a Deny inside", settings{defaultAllow: true}, []string{"0; Everyone; Deny S secret/#"}, []want{
			{"ann", "", "S", "#", PerTopic}, {"ann", "", "S", "open/#", Allowed}, {"ann", "", "S", "secret/+", Denied}, {"ann", "", "S", "+/x", PerTopic},
			{"ann", "", "R", "secret/x", Denied}, {"ann", "", "R", "open", Allowed}, {"ann", "", "P", "secret/x", Allowed},
		}},
		{"variables", settings{anonymous: true}, []string{"0; Everyone; Allow PS u/${username}/# c/%c u2/%u/${clientid}"}, []want{
			{"ann", "c", "P", "u/ann/x", Allowed}, {"ann", "c", "P", "u/bob/x", Denied}, {"bob", "c", "P", "u/bob/x", Allowed},
			{"ann", "c", "P", "c/c", Allowed}, {"ann", "d", "P", "c/c", Denied}, {"ann", "d", "P", "u2/ann/d", Allowed},
			{"ann", "c", "S", "u/ann/#", Allowed}, {"ann", "c", "S", "u/#", Denied}, {"ann", "c", "S", "u/+/#", Denied},
			{"", "c", "P", "c/c", Allowed}, {"", "c", "P", "u//x", Denied}, {"", "c", "P", "u/${username}/x", Denied},
		}},
		{"variables of several ACLs", settings{}, []string{"0; Everyone; Allow PS a/%c b", "0; Everyone; Deny PS c/%u d/%c", "5; User:ann; Allow S e/%u; Allow P f/%u"}, []want{
			{"ann", "c", "P", "a/c", Allowed}, {"ann", "c", "P", "c/ann", Denied}, {"ann", "c", "P", "f/ann", Allowed}, {"ann", "c", "P", "e/ann", Denied},
			{"ann", "c", "R", "a/c", Allowed}, {"ann", "c", "R", "e/ann", Allowed}, {"ann", "c", "R", "f/ann", Denied}, {"bob", "c", "R", "a/c", Allowed},
		}},
		{"variables that would change the filter", settings{anonymous: true}, []string{"0; Everyone; Allow PS c/%c/x u/${username} ${clientid}/#", "0; Everyone; Deny S c/%c/x"}, []want{
			{"ann", "+", "P", "c/b/x", Denied}, {"ann", "+", "P", "c/+/x", Denied}, {"ann", "+", "S", "c/+/x", Denied},
			{"ann", "#", "S", "c/#", Denied}, {"ann", "#", "S", "#", Denied}, {"ann", "x/y", "P", "c/x/y/x", Denied},
			{"a/b", "c", "P", "u/a/b", Denied}, {"ann", "", "P", "c//x", Denied}, {"ann", "", "P", "/x", Denied},
			{"ann", "$SYS", "P", "$SYS/x", Denied}, {"ann", "$SYS", "S", "$SYS/#", Denied}, {"ann", "$SYS", "P", "c/$SYS/x", Allowed},
			{"$SYS", "c", "P", "u/$SYS", Allowed},
		}},
		{"anonymous clients that are not allowed may nothing", settings{defaultAllow: true}, []string{"0; Everyone; Allow PS #"}, []want{
			{"", "c", "P", "a", Denied}, {"", "c", "S", "a", Denied}, {"", "c", "R", "a", Denied},
		}},
		{"users that are gone may nothing", settings{defaultAllow: true}, []string{"0; Everyone; Allow PS #", "0; User:zoe; Allow PS #"}, []want{
			{"zoe", "c", "P", "a", Denied}, {"zoe", "c", "S", "a", Denied}, {"zoe", "c", "R", "a", Denied},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := policyOf(t, test.settings, test.acls...)
			for _, w := range test.want {
				id := user(w.who, w.client)
				got := Denied
				switch {
				case w.action == "S":
					got = p.CanSubscribe(id, w.topic)
				case w.action == "P" && p.CanPublish(id, w.topic), w.action == "R" && p.CanReceive(id, w.topic):
					got = Allowed
				}
				if got != w.want {
					t.Errorf("user %q, client %q, %s %s: %v, want %v", w.who, w.client, w.action, w.topic, got, w.want)
				}
			}
		})
	}
}

// TestSubscribeAgreesWithReceive holds CanSubscribe to what it promises: of an Allowed filter every topic may be
// received, of a Denied one that some rule denies none is lost to a client that asks topic by topic.
func TestSubscribeAgreesWithReceive(t *testing.T) {
	levels := []string{"a", "b", "+", "#", "$a"}
	var filters, names []string
	for _, x := range levels {
		filters = append(filters, x)
		for _, y := range levels[:4] {
			filters = append(filters, x+"/"+y)
		}
	}
	for _, x := range []string{"a", "b", "c", "$a"} {
		names = append(names, x)
		for _, y := range []string{"a", "b", "c"} {
			names = append(names, x+"/"+y)
		}
	}
	seen := make(map[Verdict]int)
	for n := range 400 {
		var acls []string
		for i := range 1 + n%4 {
			effect := []string{"Allow", "Deny"}[(n+i*i)%2]
			filter := filters[(n*7+i*13)%len(filters)]
			if topic.ValidFilter(filter, 0) != nil {
				continue
			}
			acls = append(acls, fmt.Sprintf("%d; User:ann; %s S %s", (n/3+i)%3, effect, filter))
		}
		p, id := policyOf(t, settings{defaultAllow: n%5 == 0}, acls...), user("ann", "c")
		for _, filter := range filters {
			if topic.ValidFilter(filter, 0) != nil {
				continue
			}
			verdict := p.CanSubscribe(id, filter)
			seen[verdict]++
			for _, name := range names {
				if topic.Match(filter, name) && verdict == Allowed && !p.CanReceive(id, name) {
					t.Fatalf("%q: filter %s is allowed, but %s may not be received", acls, filter, name)
				}
			}
			if !strings.ContainsAny(filter, "+#") && (verdict == Allowed) != p.CanReceive(id, filter) {
				t.Fatalf("%q: %s is subscribed %v, received %v", acls, filter, verdict, p.CanReceive(id, filter))
			}
		}
	}
	if seen[Allowed] < 100 || seen[Denied] < 100 || seen[PerTopic] < 100 {
		t.Errorf("verdicts seen: %v: too one-sided to mean anything", seen)
	}
}

// TestRecall asks about clients that are away: their user must be there, with whatever password.
func TestRecall(t *testing.T) {
	p := policyOf(t, settings{}, "0; Everyone; Allow S a/%c")
	ann, zoe, nobody := Recall("c", "ann", false), Recall("c", "zoe", false), Recall("c", "", true)
	if !p.Valid(ann) || !p.CanReceive(ann, "a/c") {
		t.Error("a user that exists may not receive while it is away")
	}
	for _, id := range []*Identity{zoe, nobody} {
		if p.Valid(id) || p.CanReceive(id, "a/c") {
			t.Errorf("%q may receive", id.Username())
		}
	}
	if !policyOf(t, settings{anonymous: true}).Valid(nobody) {
		t.Error("an anonymous client is not valid where such are allowed")
	}
}

func TestClosedPolicy(t *testing.T) {
	p := &Policy{generation: 1, closed: true, settings: settings{anonymous: true, defaultAllow: true}}
	for _, id := range []*Identity{user("", "c"), user("ann", "c")} {
		if p.Valid(id) || p.CanPublish(id, "a") || p.CanReceive(id, "a") || p.CanSubscribe(id, "a") != Denied {
			t.Errorf("%q is let in by a policy that was never loaded", id.Username())
		}
	}
}

// TestIdentityFollowsThePolicy asks two policies in turn about the same Identity.
func TestIdentityFollowsThePolicy(t *testing.T) {
	old, id := policyOf(t, settings{}, "0; User:ann; Allow P a"), user("ann", "c")
	next := policyOf(t, settings{}, "0; User:ann; Allow P b")
	next.generation = old.generation + 1
	for range 2 {
		if !old.CanPublish(id, "a") || old.CanPublish(id, "b") {
			t.Error("the old policy answers as the new one")
		}
		if next.CanPublish(id, "a") || !next.CanPublish(id, "b") {
			t.Error("the new policy answers as the old one")
		}
	}
}

func TestRulesAreShared(t *testing.T) {
	p := policyOf(t, settings{}, "0; Everyone; Allow PS a/%c b")
	one, two := p.view(user("ann", "c1")), p.view(user("bob", "c2"))
	if one.rules != two.rules {
		t.Error("two clients with the same ACLs have each a copy of their rules")
	}
	if len(one.actions[publish]) != 1 || &one.actions[publish][0].topics[0] != &p.everyone[0].actions[publish][0].topics[0] {
		t.Error("the rules of an ACL are copied")
	}
	if diff := cmp.Diff("a/c1", one.expanded[0].filter); diff != "" {
		t.Error(diff)
	}
}

func TestDecisionsDoNotAllocate(t *testing.T) {
	p, id := policyOf(t, settings{}, "0; Everyone; Allow PS a/%c b/#; Deny PS b/x"), user("ann", "c1")
	p.CanPublish(id, "b/y")
	if n := testing.AllocsPerRun(100, func() { p.CanPublish(id, "b/y"); p.CanReceive(id, "a/c1"); p.CanSubscribe(id, "b/+") }); n != 0 {
		t.Errorf("%v allocations for three decisions", n)
	}
}

func TestPatternMatchesAsTheFilterDoes(t *testing.T) {
	filters := []string{"a", "a/b", "a/", "/", "/a", "#", "+", "a/#", "a/+", "a/+/#", "/#", "/+", "+/a", "$a", "$a/#", "aa/#", "a//#"}
	names := []string{"a", "a/b", "a/", "/", "/a", "a/b/c", "aa", "aa/b", "$a", "$a/b", "a//", "a//b", "b"}
	for _, filter := range filters {
		for _, name := range names {
			if got, want := newPattern(filter).matches(name), topic.Match(filter, name); got != want {
				t.Errorf("pattern %s matches %s: %v, want %v", filter, name, got, want)
			}
		}
	}
	if newPattern("").matches("") || newPattern("").matches("/") {
		t.Error("the pattern of nothing matches")
	}
}

// BenchmarkReload is what a change costs where there are many users, each with an ACL.
func BenchmarkReload(b *testing.B) {
	dir, n := b.TempDir(), 100_000
	var passwords, acls strings.Builder
	for i := range n {
		fmt.Fprintf(&passwords, "user%d:%s\n", i, testHash("x"))
		fmt.Fprintf(&acls, `,{"name":"ns/%d","subjects":[{"kind":"User","name":"user%d"}],"rules":[{"actions":["Publish","Subscribe"],"topics":["site/%d/#","u/%%u"]}]}`, i, i, i)
	}
	files := bundle{"passwd-00": passwords.String(), "acls-00.json": `{"acls":[` + acls.String()[1:] + `]}`}
	files.mount(b, dir, "r", files.manifest(b, "r"))
	for b.Loop() {
		m, err := loadBundle(dir)
		if err != nil {
			b.Fatal(err)
		}
		newPolicy(1, settings{}, m)
	}
}

// BenchmarkCanPublish shows that the ACLs of others do not slow a user down, and what its own cost.
func BenchmarkCanPublish(b *testing.B) {
	for _, others := range []int{0, 10_000} {
		for _, own := range []int{1, 10, 100} {
			var acls []string
			for i := range own {
				acls = append(acls, fmt.Sprintf("0; User:ann; Allow PS site/%d/%%u/+/state", i))
			}
			for i := range others {
				acls = append(acls, fmt.Sprintf("0; User:user%d; Deny PS # site/+/x; Allow PS %d/#", i, i))
			}
			p, id, name := policyOf(b, settings{}, acls...), user("ann", "c"), fmt.Sprintf("site/%d/ann/lamp/state", own-1)
			b.Run(fmt.Sprintf("others=%d/own=%d", others, own), func(b *testing.B) {
				for b.Loop() {
					if !p.CanPublish(id, name) {
						b.Fatal("denied")
					}
				}
			})
		}
	}
}
