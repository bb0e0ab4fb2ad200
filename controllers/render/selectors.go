package render

import (
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Selectors are the different selectors among the subjects of ACLs. It finds those that pick a User without trying all: each
// hangs on one label that whoever it picks must have, of several the one that the fewest others ask for.
type Selectors struct {
	byLabel map[label][]*selector
	byKey   map[string][]*selector // of those that want a label to be there, whatever its value
	always  []*selector            // of those that want none to be there
}

// label is a name and a value.
type label struct{ key, value string }

type selector struct {
	id      string
	matches labels.Selector
}

// NewSelectors are those of acls. One that ValidateACL would refuse picks nobody.
func NewSelectors(acls []NamedACL) *Selectors {
	known := map[string]*selector{}
	for id, s := range distinct(acls) {
		if matches, err := labelSelector(s); err == nil {
			known[id] = &selector{id, matches}
		}
	}
	asked := map[label]int{}
	for _, s := range known {
		for _, a := range anchors(s) {
			for _, l := range a {
				asked[l]++
			}
		}
	}
	all := &Selectors{byLabel: map[label][]*selector{}, byKey: map[string][]*selector{}}
	for _, s := range known {
		all.hang(s, asked)
	}
	return all
}

// Selecting are the ACLs that have a selector, by their subjects alone, for NewSelectors.
func Selecting(acls []NamedACL) (out []NamedACL) {
	for i := range acls {
		var subjects []config.Subject
		for _, s := range acls[i].Subjects {
			if s.Selector != nil {
				subjects = append(subjects, s)
			}
		}
		if subjects != nil {
			out = append(out, NamedACL{ACLRules: config.ACLRules{Subjects: subjects}})
		}
	}
	return out
}

// Differing are the selectors that are in one of a and b only; nil: there is none.
func Differing(a, b []NamedACL) *Selectors {
	var differing []NamedACL
	ofA, ofB := distinct(a), distinct(b)
	for _, side := range [][2]map[string]*config.Selector{{ofA, ofB}, {ofB, ofA}} {
		for id, s := range side[0] {
			if side[1][id] == nil {
				differing = append(differing, NamedACL{ACLRules: config.ACLRules{Subjects: []config.Subject{{Selector: s}}}})
			}
		}
	}
	if differing == nil {
		return nil
	}
	return NewSelectors(differing)
}

// distinct are the selectors of acls by their IDs.
func distinct(acls []NamedACL) map[string]*config.Selector {
	out := map[string]*config.Selector{}
	for i := range acls {
		for _, s := range acls[i].Subjects {
			if s.Selector != nil {
				out[s.Selector.ID()] = s.Selector
			}
		}
	}
	return out
}

// hang puts s where Of looks for it.
func (all *Selectors) hang(s *selector, asked map[label]int) {
	var best []label
	least := 0
	for _, a := range anchors(s) {
		n := 0
		for _, l := range a {
			n += asked[l]
		}
		if best == nil || n < least {
			best, least = a, n
		}
	}
	for _, l := range best {
		all.byLabel[l] = append(all.byLabel[l], s)
	}
	if best != nil {
		return
	}
	requirements, _ := s.matches.Requirements()
	for _, r := range requirements {
		if r.Operator() == selection.Exists {
			all.byKey[r.Key()] = append(all.byKey[r.Key()], s)
			return
		}
	}
	all.always = append(all.always, s)
}

// anchors are sets of labels of each of which whoever s picks must have one.
func anchors(s *selector) (sets [][]label) {
	requirements, _ := s.matches.Requirements()
	for _, r := range requirements {
		if op := r.Operator(); op != selection.In && op != selection.Equals && op != selection.DoubleEquals {
			continue
		}
		var set []label
		for value := range r.Values() {
			set = append(set, label{r.Key(), value})
		}
		sets = append(sets, set)
	}
	return sets
}

// Of are the IDs of the selectors that pick an object with those labels, in order.
func (all *Selectors) Of(has map[string]string) []string {
	var ids []string
	try := func(candidates []*selector) {
		for _, s := range candidates {
			if s.matches.Matches(labels.Set(has)) {
				ids = append(ids, s.id)
			}
		}
	}
	for key, value := range has {
		try(all.byLabel[label{key, value}])
		try(all.byKey[key])
	}
	try(all.always)
	slices.Sort(ids)
	return ids
}

// Picks says whether a selector picks an object with those labels.
func Picks(s *config.Selector, has map[string]string) bool {
	matches, err := labelSelector(s)
	return err == nil && matches.Matches(labels.Set(has))
}

// labelSelector is s as Kubernetes evaluates it; the error says which part it would not take.
func labelSelector(s *config.Selector) (labels.Selector, error) {
	k := metav1.LabelSelector{MatchLabels: s.MatchLabels}
	for _, r := range s.MatchExpressions {
		k.MatchExpressions = append(k.MatchExpressions, metav1.LabelSelectorRequirement{
			Key: r.Key, Operator: metav1.LabelSelectorOperator(r.Operator), Values: r.Values,
		})
	}
	return metav1.LabelSelectorAsSelector(&k)
}

// validSelectors says which selector of subjects has a name or value that no label can have.
func validSelectors(subjects []config.Subject) error {
	var errs []error
	for i, s := range subjects {
		if s.Selector == nil {
			continue
		}
		if _, err := labelSelector(s.Selector); err != nil {
			errs = append(errs, fmt.Errorf("spec.subjects[%d].selector: %w", i, err))
		}
	}
	return errors.Join(errs...)
}
