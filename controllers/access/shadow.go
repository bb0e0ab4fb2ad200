package access

import (
	"fmt"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// maxCompared bounds the pairs of topics that Shadowed looks at: a few milliseconds.
const maxCompared = 1 << 20

// Shadowed are the topics of an ACL's rules that can never decide, because another topic of the same ACL that covers
// them is asked first: a Deny, or the same effect further up. Other ACLs are not looked at, since they may be for others.
func Shadowed(a *v1alpha1.ACL) []string {
	var found []string
	compared := 0
	for r, rule := range a.Spec.Rules {
		for t, filter := range rule.Topics {
			by := ""
			for _, action := range rule.Actions {
				n := 0
				if by, n = shadow(a.Spec.Rules, r, t, action); by == "" {
					compared += n
					break
				}
				compared += n
			}
			if compared > maxCompared {
				return found
			}
			if by != "" {
				found = append(found, fmt.Sprintf("spec.rules[%d].topics[%d] %q never decides: %s", r, t, filter, by))
			}
		}
	}
	return found
}

// shadow says what is asked before topic t of rule r, and covers it; "": nothing. compared is the work.
func shadow(rules []config.Rule, r, t int, action config.Action) (by string, compared int) {
	filter, effect := rules[r].Topics[t], effectOfRule(rules[r])
	for i, other := range rules {
		same := effectOfRule(other) == effect
		earlier := same && i <= r || effectOfRule(other) == config.Deny && !same
		if !earlier || !has(other.Actions, action) {
			continue
		}
		for j, o := range other.Topics {
			if i == r && j >= t {
				break
			}
			compared++
			if topic.Covers(o, filter) {
				return fmt.Sprintf("spec.rules[%d].topics[%d] %q, which %s, is asked first", i, j, o, effects[effectOfRule(other)]), compared
			}
		}
	}
	return "", compared
}

var effects = map[config.Effect]string{config.Allow: "allows it", config.Deny: "denies it"}

func effectOfRule(r config.Rule) config.Effect {
	if r.Effect == config.Deny {
		return config.Deny
	}
	return config.Allow
}

func has(actions []config.Action, a config.Action) bool {
	for _, x := range actions {
		if x == a {
			return true
		}
	}
	return false
}
