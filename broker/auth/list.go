package auth

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Rule is an access rule, for a person to read.
type Rule struct {
	config.Rule
	// ACL is the name of the ACL that it is of, and Number its place in that, from 0.
	ACL      string
	Number   int
	Subjects []config.Subject
	Priority int32
	// Used is when it last decided something, as of the last StampUsage, to the minute; zero: never.
	Used time.Time
}

// rankedRule is one of all rules, in the order in which they are listed.
type rankedRule struct {
	acl    *acl
	number int
}

func (r rankedRule) rule() Rule {
	src := r.acl.source
	return Rule{
		Rule: src.Rules[r.number], ACL: r.acl.name, Number: r.number, Subjects: src.Subjects, Priority: r.acl.priority, Used: r.acl.used[r.number].at(),
	}
}

// list makes what the lists are made of, once.
func (p *Policy) list() {
	p.listed.Do(func() {
		known := make(map[string]struct{}, p.passwords.Len())
		for name := range p.groups {
			known[name] = struct{}{}
		}
		for name := range p.passwords.Users() {
			known[name] = struct{}{}
		}
		p.names = slices.Sorted(maps.Keys(known))
		for _, a := range p.acls {
			for i := range a.used {
				p.ranked = append(p.ranked, rankedRule{a, i})
			}
		}
		slices.SortStableFunc(p.ranked, func(a, b rankedRule) int {
			if c := cmp.Compare(b.acl.priority, a.acl.priority); c != 0 {
				return c
			}
			return cmp.Compare(a.acl.name, b.acl.name)
		})
	})
}

// Users are the names of all users, in order. They are not to be changed.
func (p *Policy) Users() []string {
	p.list()
	return p.names
}

// Groups are a user's.
func (p *Policy) Groups(user string) []string { return p.groups[user] }

// Knows reports whether there is a user of that name.
func (p *Policy) Knows(user string) bool { return p.knows(user) }

// Default is what holds where no rule matches.
func (p *Policy) Default() config.Policy {
	if p.defaultAllow {
		return config.PolicyAllow
	}
	return config.PolicyDeny
}

// Rules are how many there are, and at most limit of them from position from on: by priority, the highest first, then by
// name of their ACL.
func (p *Policy) Rules(from, limit int) (rules []Rule, total int) {
	p.list()
	for i := max(from, 0); i < len(p.ranked) && len(rules) < limit; i++ {
		rules = append(rules, p.ranked[i].rule())
	}
	return rules, len(p.ranked)
}

// Considered are the rules that are about id and an action, in the order in which they are asked, at most limit.
func (p *Policy) Considered(id *Identity, action config.Action, limit int) (rules []Rule) {
	which := publish
	if action == config.ActionSubscribe {
		which = subscribe
	}
	v := p.view(id)
	for i := range v.actions[which] {
		s := &v.actions[which][i]
		last := -1
		for j := range s.topics {
			if n := s.topics[j].rule; n != last {
				if last = n; len(rules) == limit {
					return rules
				}
				rules = append(rules, rankedRule{s.acl, n}.rule())
			}
		}
	}
	return rules
}

// Decide says whether id may publish to a topic name, or subscribe to a topic filter, and which rule decides; nil: none does.
func (p *Policy) Decide(id *Identity, action config.Action, nameOrFilter string) (Verdict, *Rule) {
	which := publish
	if action == config.ActionSubscribe {
		which = subscribe
	}
	verdict, by, number := p.covers(id, which, nameOrFilter)
	if by == nil {
		return verdict, nil
	}
	return verdict, new(rankedRule{by, number}.rule())
}
