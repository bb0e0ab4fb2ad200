package access

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// Test says which of an ACL's tests fail, each with what decided; nil: none. The ACL is asked alone, and what none of
// its rules decides is denied: so a test says the same whatever other ACLs and the Broker say.
func Test(a *v1alpha1.ACL) error {
	var errs []error
	for i := range a.Spec.Tests {
		if err := test(a, &a.Spec.Tests[i]); err != nil {
			errs = append(errs, fmt.Errorf("spec.tests[%d]: %w", i, err))
		}
	}
	return errors.Join(errs...)
}

func test(a *v1alpha1.ACL, t *v1alpha1.ACLTest) error {
	if err := validTopic(t.Action, t.Topic); err != nil {
		return fmt.Errorf("topic: %w", err)
	}
	rules := []config.ACL{render.ACL(a)}
	var users []config.UserAttributes
	if t.As.User != "" {
		users = []config.UserAttributes{{Name: t.As.User, Groups: t.As.Groups, Selectors: render.NewSelectors(rules).Of(t.As.Labels)}}
	}
	p := auth.Offline(config.Authentication{AllowAnonymous: true, ServiceAccounts: &config.ServiceAccounts{}}, config.Authorization{}, users,
		func(string) bool { return true }, rules)
	verdict, by := p.Decide(auth.Suppose(t.As.ClientID, t.As.User, t.As.CertCommonName), t.Action, t.Topic)
	if got := effectOf(verdict); got != t.Expect {
		return fmt.Errorf("%s: expected %s, but %s", describe(t), t.Expect, why(verdict, by))
	}
	return nil
}

// effectOf is what a client sees. A subscription of which a part is denied is one that is not as allowed as a test expects.
func effectOf(v auth.Verdict) config.Effect {
	if v == auth.Allowed {
		return config.Allow
	}
	return config.Deny
}

// validTopic says whether an action can be about a topic.
func validTopic(action config.Action, name string) error {
	if action == config.ActionSubscribe {
		if _, rest, shared, err := topic.ParseShare(name); err == nil && shared {
			return fmt.Errorf("rules are about the topics of a shared subscription: write %s", rest)
		}
		return topic.ValidFilter(name, 0)
	}
	return topic.ValidName(name, 0)
}

// describe is a test for a reader.
func describe(t *v1alpha1.ACLTest) string {
	who := "an anonymous client"
	if t.As.User != "" {
		who = fmt.Sprintf("user %q", t.As.User)
	}
	if len(t.As.Groups) > 0 {
		who += " of " + strings.Join(t.As.Groups, ", ")
	}
	if len(t.As.Labels) > 0 {
		who += " with " + (&config.Selector{MatchLabels: t.As.Labels}).String()
	}
	if t.As.ClientID != "" {
		who += fmt.Sprintf(" as client %q", t.As.ClientID)
	}
	return fmt.Sprintf("%s %s %q", who, verbs[t.Action], t.Topic)
}

var verbs = map[config.Action]string{config.ActionPublish: "publishing to", config.ActionSubscribe: "subscribing to"}

// why is a decision in words.
func why(v auth.Verdict, by *auth.Rule) string {
	switch {
	case by == nil && v == auth.PerTopic:
		return "a rule denies a part of it, and no rule covers the rest"
	case by == nil && v == auth.Allowed:
		return "no rule is about it, and the default policy allows it"
	case by == nil:
		return "no rule allows it"
	case v == auth.PerTopic:
		return ruleName(by) + " allows it, but another rule denies a part of it"
	case v == auth.Allowed:
		return ruleName(by) + " allows it"
	}
	return ruleName(by) + " denies it"
}

// ruleName is the field of the ACL that is tested: whoever reads this has it in front of them.
func ruleName(r *auth.Rule) string { return fmt.Sprintf("spec.rules[%d]", r.Number) }
