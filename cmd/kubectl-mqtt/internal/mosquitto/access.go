package mosquitto

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// readUsers reads the password file.
func (c *converter) readUsers() error {
	d := c.passwordFile
	if d.value == "" {
		return nil
	}
	data, err := readFile(d.value)
	if err != nil {
		return fmt.Errorf("%s: password_file: %w", d.place, err)
	}
	c.out.Config.AuthFiles.PasswordFile = d.value
	c.parseUsers(data, d.value)
	return nil
}

// parseUsers takes the entries of a password file.
func (c *converter) parseUsers(data []byte, file string) {
	seen := make(map[string]bool)
	eachLine(data, func(n int, line string) {
		at := place{file, n}
		name, hash, found := strings.Cut(line, ":")
		switch {
		case !found || name == "":
			c.lost(at, "a line without a user name and a colon")
		case seen[name]:
			c.lost(at, "user %s is there twice", clip(name))
		case len(name) > 256 || strings.ContainsFunc(name, unicode.IsControl):
			c.lost(at, "user %q: a name has 256 characters at most, and no control characters", clip(name))
		case password.Check(hash) != nil:
			c.lost(at, "user %s: no hash that is known: mosquitto_passwd -U makes one of a password in the clear", clip(name))
		default:
			c.out.Users = append(c.out.Users, User{name, hash})
		}
		seen[name] = true
	})
}

// readACLs reads the ACL file.
func (c *converter) readACLs() error {
	d := c.aclFile
	if d.value == "" {
		c.out.Config.Authorization.DefaultPolicy = config.PolicyAllow
		c.out.ACLs = []config.ACL{{Name: "sys-topics", ACLRules: config.ACLRules{
			Subjects: []config.Subject{{Kind: config.SubjectEveryone}},
			Rules:    []config.Rule{{Effect: config.Allow, Actions: []config.Action{config.ActionSubscribe}, Topics: []string{"$SYS/#"}}},
		}}}
		return nil
	}
	data, err := readFile(d.value)
	if err != nil {
		return fmt.Errorf("%s: acl_file: %w", d.place, err)
	}
	c.out.ACLFile = d.value
	c.out.Config.Authorization.DefaultPolicy = config.PolicyDeny
	c.parseACLs(data, d.value)
	return nil
}

// parseACLs turns the lines of an ACL file into rules: those of a user, those of anonymous clients, and patterns, which are
// for everybody wherever they stand.
func (c *converter) parseACLs(data []byte, file string) {
	acls := aclSet{}
	subject := config.Subject{Kind: config.SubjectAnonymous}
	eachLine(data, func(n int, line string) {
		at := place{file, n}
		keyword, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		switch {
		case rest == "":
			c.lost(at, "%s: it says nothing", clip(keyword))
		case keyword == "user":
			subject = config.Subject{Kind: config.SubjectUser, Name: rest}
			if len(rest) > 256 {
				c.lost(at, "user %s: a name has 256 characters at most", clip(rest))
			}
		case keyword == "topic":
			c.rule(&acls, subject, at, rest, false)
		case keyword == "pattern":
			c.rule(&acls, config.Subject{Kind: config.SubjectEveryone}, at, rest, true)
		default:
			c.lost(at, "%s: a line begins with topic, user or pattern", clip(keyword))
		}
	})
	c.out.ACLs = acls.done()
}

// accesses are what a line may allow or deny.
var accesses = map[string]config.Rule{
	"read":      {Effect: config.Allow, Actions: []config.Action{config.ActionSubscribe}},
	"write":     {Effect: config.Allow, Actions: []config.Action{config.ActionPublish}},
	"readwrite": {Effect: config.Allow, Actions: []config.Action{config.ActionPublish, config.ActionSubscribe}},
	"deny":      {Effect: config.Deny, Actions: []config.Action{config.ActionPublish, config.ActionSubscribe}},
}

// rule adds what follows "topic" or "pattern".
func (c *converter) rule(acls *aclSet, subject config.Subject, at place, text string, pattern bool) {
	access := accesses["readwrite"]
	if word, rest, _ := strings.Cut(text, " "); accesses[word].Effect != "" && rest != "" {
		access, text = accesses[word], strings.TrimSpace(rest)
	}
	if !pattern && strings.ContainsAny(text, "%$") && (strings.Contains(text, "%u") || strings.Contains(text, "%c") || strings.Contains(text, "${")) {
		c.lost(at, "topic %s: outside of a pattern line it stands for itself, and here for a client's own", clip(text))
		return
	}
	switch {
	case len(text) > maxTopic:
		c.lost(at, "topic %s: a rule's topic has %d bytes at most", clip(text), maxTopic)
	case topic.ValidFilter(text, maxTopic) != nil:
		c.lost(at, "%s: it is no topic filter", clip(text))
	case subject.Kind == config.SubjectUser && len(subject.Name) > 256: // said
	default:
		acls.add(subject, access, text)
	}
}

// What an ACL's rules can have at most, and a rule's topics: the API's limits.
const (
	maxTopic  = 1024
	maxTopics = 256
	maxRules  = 256
)

// aclSet gathers rules by whom they are for, in the order in which those come up.
type aclSet struct{ acls []config.ACL }

// add adds a topic, to the last rule of the same access that has room.
func (s *aclSet) add(subject config.Subject, access config.Rule, topic string) {
	acl := s.find(subject)
	for i := range acl.Rules {
		r := &acl.Rules[i]
		if r.Effect == access.Effect && slices.Equal(r.Actions, access.Actions) && len(r.Topics) < maxTopics {
			if !slices.Contains(r.Topics, topic) {
				r.Topics = append(r.Topics, topic)
			}
			return
		}
	}
	acl.Rules = append(acl.Rules, config.Rule{Effect: access.Effect, Actions: slices.Clone(access.Actions), Topics: []string{topic}})
}

// find is the ACL for a subject that has room, made if there is none.
func (s *aclSet) find(subject config.Subject) *config.ACL {
	for i := range s.acls {
		a := &s.acls[i]
		if a.Subjects[0] == subject && (len(a.Rules) < maxRules || len(a.Rules[maxRules-1].Topics) < maxTopics) {
			return a
		}
	}
	name := strings.ToLower(string(subject.Kind))
	if subject.Name != "" {
		name = "user " + subject.Name
	}
	s.acls = append(s.acls, config.ACL{Name: name, ACLRules: config.ACLRules{Subjects: []config.Subject{subject}}})
	return &s.acls[len(s.acls)-1]
}

func (s *aclSet) done() []config.ACL { return s.acls }
