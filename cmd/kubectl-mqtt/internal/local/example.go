package local

import (
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// filling is what wildcards become in the topic of an example.
const filling = "demo"

// example is what a user can be shown to publish and subscribe.
type example struct {
	user     *member // nil: an anonymous client
	filter   string  // to subscribe; empty: nothing is allowed
	topic    string  // to publish; empty: nothing is allowed
	clientID string  // empty: any
}

// pickExample finds a user with a password or a certificate at hand, and topics that an ACL allows; best a topic to
// publish that the filter covers. Rules that deny are not looked at. false: nobody can be shown.
func (p *plan) pickExample() (example, bool) {
	var fallback *example
	for i := range p.members {
		if p.members[i].passwordFile == "" && p.members[i].certFile == "" {
			continue
		}
		e := p.exampleOf(&p.members[i])
		if e.filter != "" && e.topic != "" {
			return e, true
		}
		if fallback == nil || fallback.filter+fallback.topic == "" && e.filter+e.topic != "" {
			fallback = &e
		}
	}
	if fallback == nil && p.broker.Spec.Authentication.AllowAnonymous {
		e := p.exampleOf(nil)
		fallback = &e
	}
	if fallback == nil {
		return example{}, false
	}
	return *fallback, true
}

// exampleOf is what a user may do; nil stands for an anonymous client.
func (p *plan) exampleOf(m *member) example {
	e := example{user: m}
	filters := p.allowed(m, config.ActionSubscribe)
	topics := p.allowed(m, config.ActionPublish)
	if p.broker.Spec.Authorization.DefaultPolicy == config.PolicyAllow {
		filters, topics = append(filters, filling+"/#"), append(topics, filling+"/"+filling)
	}
	if len(topics) > 0 {
		e.topic = e.substitute(topics[0])
		e.topic = strings.NewReplacer("+", filling, "#", filling).Replace(e.topic)
	}
	if len(filters) > 0 {
		e.filter = e.substitute(filters[0])
	}
	for _, filter := range filters {
		if substituted := e.substitute(filter); e.topic != "" && topic.Match(substituted, e.topic) {
			e.filter = substituted
			break
		}
	}
	return e
}

// allowed are the topics of the rules that let a user do an action; those that begin with $ come last.
func (p *plan) allowed(m *member, action config.Action) []string {
	var topics []string
	for _, acl := range p.acls {
		if !slices.ContainsFunc(acl.Subjects, func(s config.Subject) bool { return concerns(s, m) }) {
			continue
		}
		for _, rule := range acl.Rules {
			if rule.Effect != config.Deny && slices.Contains(rule.Actions, action) {
				topics = append(topics, rule.Topics...)
			}
		}
	}
	slices.SortStableFunc(topics, func(a, b string) int {
		return strings.Count(a[:1], "$") - strings.Count(b[:1], "$")
	})
	return topics
}

// concerns says whether a subject is about a user; nil stands for an anonymous client.
func concerns(s config.Subject, m *member) bool {
	switch s.Kind {
	case config.SubjectEveryone:
		return true
	case config.SubjectAnonymous:
		return m == nil
	case config.SubjectUser:
		if s.Selector != nil {
			return m != nil && render.Picks(s.Selector, m.Labels)
		}
		return m != nil && s.Name == m.Username
	case config.SubjectGroup:
		return m != nil && slices.Contains(m.Groups, s.Name)
	}
	return false
}

// substitute puts the user's own values in; a topic with the client identifier fixes it.
func (e *example) substitute(filter string) string {
	username := filling
	if e.user != nil {
		username = e.user.Username
	}
	out := strings.NewReplacer("${clientid}", username, "%c", username).Replace(filter)
	if out != filter {
		e.clientID = username
	}
	return strings.NewReplacer("${username}", username, "%u", username).Replace(out)
}
