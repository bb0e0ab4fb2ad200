package auth

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// Decision is what decided, for a person to understand.
type Decision struct {
	// Allowed is true for PerTopic too.
	Allowed bool
	// Rule is the one that decided; nil: none did.
	Rule *Rule
	// Why is the decision in words.
	Why string
}

// Name is how a rule is called wherever a person reads of it: by its ACL and its place in that, from 1.
func (r *Rule) Name() string { return r.ACL + " rule " + strconv.Itoa(r.Number+1) }

// Explain says why id may or may not publish to a topic name, or subscribe to a topic filter.
func (p *Policy) Explain(id *Identity, action config.Action, nameOrFilter string) Decision {
	if action == config.ActionPublish && topic.IsSys(nameOrFilter) {
		return Decision{Why: "topics below $SYS are the broker's own, whatever the rules say"}
	}
	if !p.Valid(id) {
		return Decision{Why: p.whyInvalid(id)}
	}
	verdict, by := p.Decide(id, action, nameOrFilter)
	return Decision{Allowed: verdict != Denied, Rule: by, Why: why(verdict, by, nameOrFilter)}
}

// whyInvalid says why id may do nothing.
func (p *Policy) whyInvalid(id *Identity) string {
	switch {
	case p.closed:
		return "no users and access rules have been loaded"
	case id.anonymous:
		return "anonymous clients are not allowed"
	case p.knows(id.username):
		return fmt.Sprintf("user %.100q has another password now", id.username)
	case id.account && p.accounts == nil:
		return "tokens of ServiceAccounts are not taken: authentication.serviceAccounts is not set"
	case id.account:
		return fmt.Sprintf("ServiceAccount %.400s is not let in: its namespace is not allowed, or the keys of tokens are not known", id.serviceAccount())
	}
	return fmt.Sprintf("there is no user %.100q, or it is suspended", id.username)
}

func why(v Verdict, by *Rule, nameOrFilter string) string {
	const part = "a rule denies a part of these topics: messages of those are not delivered"
	switch {
	case by != nil && v == PerTopic:
		return by.Name() + " allows it, but " + strings.Replace(part, "a rule", "another rule", 1)
	case by != nil && v == Allowed:
		return by.Name() + " allows it"
	case by != nil:
		return by.Name() + " denies it"
	case v == PerTopic:
		return "the default policy is Allow, but " + part
	case v == Allowed:
		return "no rule is about it, and the default policy is Allow"
	case strings.HasPrefix(nameOrFilter, "$"):
		return "no rule allows it, and topics that begin with $ need one"
	}
	return "no rule allows it, and the default policy is Deny"
}

// Expanded are the topics of a rule with id's own user name, client identifier and certificate's Common Name in them; nil: none
// has a variable. One whose variables have no value, or one that must not be put in, is left out, since it matches nothing.
func (p *Policy) Expanded(r *Rule, id *Identity) []string {
	var own []string
	for _, text := range r.Topics {
		if !hasVariable(text) {
			continue
		}
		if expanded := expand(text, id, p.commonName(id)); expanded != "" {
			own = append(own, expanded)
		}
	}
	return own
}
