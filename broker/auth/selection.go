package auth

import "github.com/dunlin-mqtt/dunlin/broker/config"

// selection is the ACLs that name users by one selector, which those are that have its ID among their attributes.
type selection struct {
	text string // for a reader
	acls []*acl
}

// pick has a be for the users that the selector of s picks.
func (p *Policy) pick(a *acl, s config.Subject) {
	id := s.Selector.ID()
	if p.bySelector[id] == nil {
		p.bySelector[id] = &selection{text: s.String()}
	}
	p.bySelector[id].acls = append(p.bySelector[id].acls, a)
}

// appendPicked appends the ACLs that are for a user because of its labels.
func (p *Policy) appendPicked(to []*acl, user string) []*acl {
	for _, id := range p.selected[user] {
		if s := p.bySelector[id]; s != nil {
			to = append(to, s.acls...)
		}
	}
	return to
}

// Selected are the subjects of rules that pick a user by its labels, for a person to read, in no particular order.
func (p *Policy) Selected(user string) []string {
	var out []string
	for _, id := range p.selected[user] {
		if s := p.bySelector[id]; s != nil {
			out = append(out, s.text)
		}
	}
	return out
}
