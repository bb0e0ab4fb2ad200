package api

import "time"

// Decision is the answer to GET /v1/access?user=&clientId=&action=Publish|Subscribe&topic=: what the rules in force
// say, by the matcher that decides for live clients.
type Decision struct {
	Allowed bool `json:"allowed"`
	// Rule is the one that decided; nil: none did, and the default policy holds.
	Rule *Rule `json:"rule,omitempty"`
	// Audited: it is not allowed, and happens all the same, because authorization.enforcement is Audit.
	Audited bool `json:"audited,omitempty"`
	// Reason is the decision in words.
	Reason string `json:"reason"`
	// Considered are the rules that are about this user and action, in the order in which they are asked.
	Considered []Rule `json:"considered"`
	// DefaultPolicy is what holds where no rule matches: Allow or Deny. Topics that begin with $ need a rule even so.
	DefaultPolicy string `json:"defaultPolicy"`
}

// Rule is an access rule, one of the list GET /v1/access/rules.
type Rule struct {
	Name     string   `json:"name"` // of the ACL and the place in it, such as "plant/sensors rule 2"
	Effect   string   `json:"effect"`
	Subjects []string `json:"subjects"` // such as "User alice", "Group ops", "Users with team=press", "Everyone"
	Actions  []string `json:"actions"`
	Topics   []string `json:"topics"`
	// Expanded are, in a Decision, those of the topics that have variables, with what the client that was asked about has for
	// them; one for which it has nothing, or nothing that may be put in, matches nothing and is left out.
	Expanded []string `json:"expanded,omitempty"`
	Priority int      `json:"priority"`
	// Used is when it last decided something since it was loaded, to the minute; nil: never. The broker remembers what it
	// has decided for a client and a topic until a subscription or a rule changes: that counts once.
	Used *time.Time `json:"used,omitempty"`
}

// Denial is one of the list GET /v1/access/denials: the last 1000, the newest first. The same again is not another one: Count
// says how often it came, and Time when it last did.
type Denial struct {
	Time   time.Time `json:"time"`
	Client string    `json:"client"`
	User   string    `json:"user,omitempty"`
	// Action is Connect, Publish or Subscribe; if it is Audited also Receive: a message for a subscription that is there; or Handshake: who
	// it is was not told, because the TLS handshake failed.
	Action string `json:"action"`
	Topic  string `json:"topic,omitempty"`
	// Audited: it happened all the same, because authorization.enforcement is Audit. Such is told once for each connection and
	// topic (for Receive: each subscription) until subscriptions or rules change.
	Audited bool   `json:"audited,omitempty"`
	Reason  string `json:"reason"`
	Peer    string `json:"peer,omitempty"`
	Count   int    `json:"count"`
}

// PreviousPassword is one of the list GET /v1/previous-passwords, at most 1000: a connection that was made with a password
// that another has taken the place of, and that ends with that password.
type PreviousPassword struct {
	User    string `json:"user"`
	Client  string `json:"client"`
	Address string `json:"address"`
}

// User is one of the list GET /v1/users, which ?search= (a part of the name) narrows: who may connect, without secrets. The list
// is ordered by name.
type User struct {
	Name        string   `json:"name"`
	Groups      []string `json:"groups,omitempty"`
	Selected    []string `json:"selected,omitempty"` // the subjects of rules that pick it by its labels, such as "Users with team=press"
	Connections int      `json:"connections"`        // open now
}
