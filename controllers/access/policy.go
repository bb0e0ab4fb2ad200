package access

import (
	"fmt"
	"strings"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// Question is what somebody wants to do.
type Question struct {
	// User is the user name; "": an anonymous client.
	User string
	// ClientID and CommonName are what ${clientid} and ${cert.cn} stand for.
	ClientID, CommonName string
	Action               config.Action
	// Topic is the name to publish to, or the filter to subscribe to.
	Topic string
}

// Answer says whether it may be done.
type Answer struct {
	Allowed bool
	// Why names the rule that decides.
	Why string
	// Rule is that rule; nil: none does.
	Rule *auth.Rule
}

// Policy is what a Broker with those Users and ACLs goes by. Suspended Users are nobody; of several of one name the
// oldest counts.
func Policy(b *v1alpha1.Broker, users []v1alpha1.User, acls []v1alpha1.ACL) *auth.Policy {
	groups := map[string][]string{}
	winners, _ := render.ResolveUsers(users)
	for _, u := range winners {
		if !u.Spec.Suspended {
			groups[render.Username(u)] = u.Spec.Groups
		}
	}
	var rules []config.ACL
	for i := range acls {
		rules = append(rules, render.ACL(&acls[i]))
	}
	return auth.Offline(b.Spec.Authentication, b.Spec.Authorization, groups, rules)
}

// Ask answers by p. A topic that is not valid is an error.
func Ask(p *auth.Policy, q Question) (Answer, error) {
	if err := validTopic(q.Action, q.Topic); err != nil {
		return Answer{}, fmt.Errorf("topic: %w", err)
	}
	id := auth.Suppose(q.ClientID, q.User, q.CommonName)
	verdict, by := p.Decide(id, q.Action, q.Topic)
	switch {
	case q.Action == config.ActionPublish && (q.Topic == "$SYS" || strings.HasPrefix(q.Topic, "$SYS/")):
		return Answer{Why: "topics below $SYS are the broker's own, whatever the rules say"}, nil
	case !p.Valid(id) && q.User == "":
		return Answer{Why: "anonymous clients are not allowed"}, nil
	case !p.Valid(id):
		return Answer{Why: fmt.Sprintf("there is no User with the user name %q, or it is suspended", q.User)}, nil
	case by == nil && verdict == auth.Denied && strings.HasPrefix(q.Topic, "$"):
		return Answer{Why: "no rule allows it, and topics that begin with $ need one"}, nil
	case by == nil && verdict == auth.Denied:
		return Answer{Why: "no rule allows it, and the default policy is Deny"}, nil
	}
	return Answer{Allowed: verdict != auth.Denied, Why: why(verdict, by), Rule: by}, nil
}
