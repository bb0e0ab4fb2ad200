package auth

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// maxShared bounds how many different sets of ACLs a Policy keeps the order of. Beyond it each Identity has its own.
const maxShared = 1 << 16

// acl is an ACL made ready to decide. There is one for everybody whom it concerns.
type acl struct {
	id        uint32 // its place among all
	name      string
	priority  int32
	actions   [actions][]block // at most one that denies, and then one that allows
	variables []string         // the filters that have variables
	source    *config.ACL
	used      []usage // of each rule
}

// What the rules of an ACL are split by.
const (
	publish = iota
	subscribe
	actions
)

// block is the topics of an ACL that have the same action and effect.
type block struct {
	acl    *acl
	allow  bool
	topics []ruleTopic
}

// ruleTopic is one topic of a rule.
type ruleTopic struct {
	pattern      // zero: it has variables, and is the one of that number
	variable int // in acl.variables
	rule     int
}

func newACL(id uint32, c *config.ACL) *acl {
	a := &acl{id: id, name: c.Name, priority: c.Priority, source: c, used: make([]usage, len(c.Rules))}
	var split [actions][2][]ruleTopic
	for i, rule := range c.Rules {
		effect := 0
		if rule.Effect == config.Allow {
			effect = 1
		}
		for _, text := range rule.Topics {
			t := ruleTopic{rule: i}
			if hasVariable(text) {
				t.variable = len(a.variables)
				a.variables = append(a.variables, text)
			} else {
				t.pattern = newPattern(text)
			}
			for _, action := range rule.Actions {
				into := &split[publish][effect]
				if action == config.ActionSubscribe {
					into = &split[subscribe][effect]
				}
				*into = append(*into, t)
			}
		}
	}
	for action := range split {
		for effect, topics := range split[action] {
			if len(topics) > 0 {
				a.actions[action] = append(a.actions[action], block{acl: a, allow: effect == 1, topics: slices.Clip(topics)})
			}
		}
	}
	return a
}

// rules is what a set of ACLs says, in the order in which it decides. Everybody with the same ACLs shares it.
type rules struct {
	acls    []*acl
	actions [actions][]step
}

// step is a block, and where in view.expanded the variables of its ACL begin.
type step struct {
	*block
	offset int
}

// newRules orders by priority, highest first, and Deny before Allow.
func newRules(acls []*acl) *rules {
	r := &rules{acls: acls}
	for action := range r.actions {
		offset := 0
		for _, a := range acls {
			for i := range a.actions[action] {
				r.actions[action] = append(r.actions[action], step{&a.actions[action][i], offset})
			}
			offset += len(a.variables)
		}
		slices.SortStableFunc(r.actions[action], func(a, b step) int {
			if c := cmp.Compare(b.acl.priority, a.acl.priority); c != 0 || a.allow == b.allow {
				return c
			}
			if a.allow {
				return 1
			}
			return -1
		})
	}
	return r
}

// view is what a Policy says of one Identity.
type view struct {
	*rules
	generation uint64
	expanded   []pattern // the variables of all ACLs; zero where the client's own text must not be put in
	valid      bool      // otherwise it may do nothing
}

// nobody has no rules.
var nobody = &rules{}

// pattern returns the one of a topic for the Identity of v.
func (v *view) pattern(s *step, t *ruleTopic) pattern {
	if t.filter != "" {
		return t.pattern
	}
	return v.expanded[s.offset+t.variable]
}

// view finds what p says of id, once for each Identity.
func (p *Policy) view(id *Identity) *view {
	if v := id.view.Load(); v != nil && v.generation == p.generation {
		return v
	}
	v := &view{generation: p.generation, valid: p.Valid(id), rules: nobody}
	if v.valid {
		v.rules = p.rulesOf(p.aclsOf(id))
		for _, a := range v.acls {
			for _, text := range a.variables {
				v.expanded = append(v.expanded, newPattern(expand(text, id, p.commonName(id))))
			}
		}
	}
	id.view.Store(v)
	return v
}

// aclsOf lists the ACLs that are for id, each once, in a fixed order.
func (p *Policy) aclsOf(id *Identity) []*acl {
	out := slices.Concat(p.everyone, p.byClientID[id.clientID])
	if id.anonymous {
		out = append(out, p.anonymousOnly...)
	} else {
		out = append(out, p.byUser[id.username]...)
		for _, g := range p.groups[id.username] {
			out = append(out, p.byGroup[g]...)
		}
		out = p.appendPicked(out, id.username)
		if id.account {
			out = append(out, p.byAccount[id.serviceAccount()]...)
		}
	}
	slices.SortFunc(out, func(a, b *acl) int { return cmp.Compare(a.id, b.id) })
	return slices.Compact(out)
}

func (p *Policy) rulesOf(acls []*acl) *rules {
	key := make([]byte, 0, 4*len(acls))
	for _, a := range acls {
		key = binary.BigEndian.AppendUint32(key, a.id)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.shared[string(key)]
	if r == nil {
		r = newRules(acls)
		if len(p.shared) < maxShared {
			p.shared[string(key)] = r
		}
	}
	return r
}
