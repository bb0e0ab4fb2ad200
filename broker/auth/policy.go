package auth

import (
	"strings"
	"sync"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// Verdict is the answer to a subscription.
type Verdict uint8

// The verdicts. The zero Verdict refuses.
const (
	Denied   Verdict = iota
	Allowed          // every topic that the filter matches may be received
	PerTopic         // it may be subscribed, but some topic of it may be denied: ask CanReceive of each
)

// Policy is an immutable snapshot of the users and access rules. The rule that decides is the first that matches when
// they are ordered by priority, highest first, and Deny before Allow at equal priority. Where none matches it is the
// default policy, but for topics that begin with '$', which need a rule. Any number of goroutines may use it.
type Policy struct {
	settings
	generation uint64
	closed     bool // nothing was loaded yet
	revision   string
	sum        [32]byte

	passwords *password.File
	scram     *password.ScramUsers
	decoy     string // what to verify for users that do not exist; "": there are no users
	groups    map[string][]string
	selected  map[string][]string // the IDs of the selectors that pick a user
	limits    map[string]config.UserLimits
	issuer    *issuer // of tokens that are taken; nil: none are

	acls   []*acl
	listed sync.Once
	names  []string // of the users, in order; made when somebody asks
	ranked []rankedRule

	// Which ACLs a subject is named in.
	byUser, byGroup, byClientID map[string][]*acl
	bySelector                  map[string]*selection // by its ID
	byAccount                   map[string][]*acl     // ServiceAccounts
	everyone, anonymousOnly     []*acl

	mu     sync.Mutex
	shared map[string]*rules // by the ACLs they are of
}

func newPolicy(generation uint64, s settings, m material) *Policy {
	p := &Policy{
		settings:   s,
		generation: generation,
		revision:   m.revision,
		sum:        m.sum,
		passwords:  m.passwords,
		scram:      m.passwords.Scram(s.secret, s.hashesServe),
		groups:     m.groups,
		selected:   m.selected,
		limits:     m.limits,
		byUser:     make(map[string][]*acl),
		byGroup:    make(map[string][]*acl),
		byClientID: make(map[string][]*acl),
		bySelector: make(map[string]*selection),
		byAccount:  make(map[string][]*acl),
		shared:     make(map[string]*rules),
	}
	if s.accounts != nil {
		p.issuer = m.issuer
	}
	if p.passwords.Len() > 0 {
		p.decoy = p.passwords.Decoy()
	}
	for i := range m.acls {
		a := newACL(uint32(i), &m.acls[i])
		p.acls = append(p.acls, a)
		p.index(a, m.acls[i].Subjects)
	}
	return p
}

func (p *Policy) index(a *acl, subjects []config.Subject) {
	for _, s := range subjects {
		switch s.Kind {
		case config.SubjectUser:
			if s.Selector != nil {
				p.pick(a, s)
				continue
			}
			p.byUser[s.Name] = append(p.byUser[s.Name], a)
		case config.SubjectGroup:
			p.byGroup[s.Name] = append(p.byGroup[s.Name], a)
		case config.SubjectClientID:
			p.byClientID[s.Name] = append(p.byClientID[s.Name], a)
		case config.SubjectServiceAccount:
			p.byAccount[s.Name] = append(p.byAccount[s.Name], a)
		case config.SubjectEveryone:
			p.everyone = append(p.everyone, a)
		case config.SubjectAnonymous:
			p.anonymousOnly = append(p.anonymousOnly, a)
		}
	}
}

// Generation differs between the Policies of an Auth, and increases.
func (p *Policy) Generation() uint64 { return p.generation }

// Valid reports whether id would still be let in: its user is there with the same entry, or its certificate is enough
// for its user, or it is anonymous and such clients are allowed. One that is not may do nothing. Whether the certificate
// itself is still good is its listener's to say.
func (p *Policy) Valid(id *Identity) bool {
	switch {
	case p.closed:
		return false
	case id.anonymous:
		return p.anonymous
	case id.account:
		return p.trusts(id)
	case id.away, id.certified:
		return p.certifies(id.username)
	}
	return p.passwords.Holds(id.username, id.line)
}

// Lenient reports whether what the rules deny id happens all the same, because they are not enforced. Who may do nothing because
// it is not Valid is denied what it tries.
func (p *Policy) Lenient(id *Identity) bool { return p.audit && p.Valid(id) }

// Limits are the user's own, in place of the broker's; none for an anonymous client.
func (p *Policy) Limits(id *Identity) config.UserLimits { return p.limits[id.username] }

// CanPublish reports whether id may publish to a topic name.
func (p *Policy) CanPublish(id *Identity, name string) bool {
	return p.permits(id, publish, name)
}

// CanReceive reports whether id may get messages of a topic name.
func (p *Policy) CanReceive(id *Identity, name string) bool {
	return p.permits(id, subscribe, name)
}

// CanSubscribe says whether id may subscribe to a filter, given without $share and share name.
func (p *Policy) CanSubscribe(id *Identity, filter string) Verdict {
	verdict, by, rule := p.covers(id, subscribe, filter)
	if by != nil {
		by.used[rule].mark()
	}
	return verdict
}

// permits says whether the first rule that matches a topic name allows it.
func (p *Policy) permits(id *Identity, action int, name string) bool {
	v := p.view(id)
	steps := v.actions[action]
	for i := range steps {
		s := &steps[i]
		for j := range s.topics {
			if v.pattern(s, &s.topics[j]).matches(name) {
				s.acl.used[s.topics[j].rule].mark()
				return s.allow
			}
		}
	}
	return v.valid && p.byDefault(name)
}

// covers says what the first rule does that covers a filter, unless one before it denies a part. A topic name is a
// filter, too. It returns the ACL and the number of the rule that decided; nil: none did.
func (p *Policy) covers(id *Identity, action int, filter string) (Verdict, *acl, int) {
	v, verdict := p.view(id), Allowed
	steps := v.actions[action]
	for i := range steps {
		s := &steps[i]
		for j := range s.topics {
			t := &s.topics[j]
			switch mine := v.pattern(s, t).filter; {
			case mine == "":
			case topic.Covers(mine, filter):
				if !s.allow {
					verdict = Denied
				}
				return verdict, s.acl, t.rule
			case !s.allow && topic.Overlaps(mine, filter):
				verdict = PerTopic
			}
		}
	}
	if v.valid && p.byDefault(filter) {
		return verdict, nil, 0
	}
	return Denied, nil, 0
}

// byDefault says whether what no rule decides is allowed. MQTT 5 §4.7.2 sets '$' apart, and so does this.
func (p *Policy) byDefault(nameOrFilter string) bool {
	return p.defaultAllow && !strings.HasPrefix(nameOrFilter, "$")
}
