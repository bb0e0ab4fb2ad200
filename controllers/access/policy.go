package access

import (
	"fmt"

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

// Policy is what a Broker with those Users and ACLs goes by. Suspended Users are nobody; of several of one name the
// oldest counts. allows says of which namespaces ServiceAccounts are let in, if they are.
func Policy(b *v1alpha1.Broker, users []v1alpha1.User, acls []v1alpha1.ACL, allows func(namespace string) bool) *auth.Policy {
	var rules []config.ACL
	for i := range acls {
		rules = append(rules, render.ACL(&acls[i]))
	}
	selectors := render.NewSelectors(rules)
	var known []config.UserAttributes
	winners, _ := render.ResolveUsers(users)
	for _, u := range winners {
		if !u.Spec.Suspended {
			known = append(known, config.UserAttributes{Name: render.Username(u), Groups: u.Spec.Groups, Selectors: selectors.Of(u.Labels)})
		}
	}
	return auth.Offline(b.Spec.Authentication, b.Spec.Authorization, known, allows, rules)
}

// Ask answers by p. A topic that is not valid is an error.
func Ask(p *auth.Policy, q Question) (auth.Decision, error) {
	if err := validTopic(q.Action, q.Topic); err != nil {
		return auth.Decision{}, fmt.Errorf("topic: %w", err)
	}
	return p.Explain(q.Identity(), q.Action, q.Topic), nil
}

// Identity is who asks.
func (q Question) Identity() *auth.Identity { return auth.Suppose(q.ClientID, q.User, q.CommonName) }
