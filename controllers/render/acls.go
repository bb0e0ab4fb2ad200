package render

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// ACL is the object as the broker reads it.
func ACL(a *v1alpha1.ACL) NamedACL {
	out := NamedACL{Name: ACLName(a), ACLRules: *a.Spec.ACLRules.DeepCopy()}
	for i, s := range out.Subjects {
		if s.Selector != nil {
			out.Subjects[i].Selector = s.Selector.Canonical()
		}
		if s.Kind == config.SubjectServiceAccount && !strings.Contains(s.Name, "/") {
			out.Subjects[i].Name = a.Namespace + "/" + s.Name
		}
	}
	return out
}

// ACLName is the name that the broker knows a by.
func ACLName(a *v1alpha1.ACL) string { return a.Namespace + "/" + a.Name }

// ValidateACL says what the API server cannot check: that each topic is a well-formed filter with
// known variables only, and that a selector's labels can be. The error names every bad rule and topic.
func ValidateACL(a *v1alpha1.ACL) error {
	var errs []error
	if err := validSelectors(a.Spec.Subjects); err != nil {
		errs = append(errs, err)
	}
	for r, rule := range a.Spec.Rules {
		for t, filter := range rule.Topics {
			if err := validTopic(filter); err != nil {
				errs = append(errs, fmt.Errorf("spec.rules[%d].topics[%d]: %q: %w", r, t, filter, err))
			}
		}
	}
	return errors.Join(errs...)
}

// variables are what the broker puts a client's own value for, and a stand-in that is valid in a filter.
var variables = strings.NewReplacer("${username}", "x", "${clientid}", "x", "${cert.cn}", "x", "%u", "x", "%c", "x")

// unknownVariable is what is left of a variable once the known ones are gone.
var unknownVariable = regexp.MustCompile(`\$\{[^}]*\}?`)

func validTopic(filter string) error {
	plain := variables.Replace(filter)
	if unknown := unknownVariable.FindString(plain); unknown != "" {
		return fmt.Errorf("unknown variable %s: ${username}, ${clientid} and ${cert.cn} are known", unknown)
	}
	if _, rest, shared, err := topic.ParseShare(plain); err == nil && shared {
		return fmt.Errorf("rules are about the topics of a shared subscription: write %s", rest)
	}
	return topic.ValidFilter(plain, 0)
}
