package config

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
)

// Selector picks User objects by their labels, as Kubernetes does: what all of MatchLabels and MatchExpressions say
// must hold. To a broker, which knows no labels, it is a name for the users whose UserAttributes have its ID.
type Selector struct {
	// MatchLabels are labels that the object has, name and value.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	MatchLabels map[string]string `json:"matchLabels,omitempty"`
	// MatchExpressions are further requirements.
	// +kubebuilder:validation:MaxItems=64
	// +optional
	MatchExpressions []SelectorRequirement `json:"matchExpressions,omitempty"`
}

// SelectorOperator is what a label must be.
// +kubebuilder:validation:Enum=In;NotIn;Exists;DoesNotExist
type SelectorOperator string

// The operators.
const (
	SelectorIn           SelectorOperator = "In"           // there, with one of the values
	SelectorNotIn        SelectorOperator = "NotIn"        // not there with one of the values
	SelectorExists       SelectorOperator = "Exists"       // there
	SelectorDoesNotExist SelectorOperator = "DoesNotExist" // not there
)

// SelectorRequirement is what must hold for one label.
// +kubebuilder:validation:XValidation:rule="(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)",message="values must be set for In and NotIn, and left out for Exists and DoesNotExist"
type SelectorRequirement struct {
	// Key is the label's name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	Key string `json:"key"`
	// Operator is what the label must be: In, NotIn, Exists or DoesNotExist.
	Operator SelectorOperator `json:"operator"`
	// Values are those of In and NotIn.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	Values []string `json:"values,omitempty"`
}

// idBytes is how much of a hash an ID has: too much for two selectors to share.
const idBytes = 12

// ID is the same for two selectors that say the same in the same words, whatever their order: 16 letters and digits.
func (s *Selector) ID() string {
	sum := sha256.Sum256([]byte(s.String()))
	return base64.RawURLEncoding.EncodeToString(sum[:idBytes])
}

// String is s as kubectl writes a selector, such as "team=press,tier in (gold,silver),!retired"; "" picks everybody.
func (s *Selector) String() string {
	var all []string
	for key, value := range s.MatchLabels {
		all = append(all, key+"="+value)
	}
	for _, r := range s.MatchExpressions {
		all = append(all, r.String())
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ",")
}

// String is r as kubectl writes it.
func (r *SelectorRequirement) String() string {
	values := slices.Sorted(slices.Values(r.Values))
	values = slices.Compact(values)
	switch {
	case r.Operator == SelectorExists:
		return r.Key
	case r.Operator == SelectorDoesNotExist:
		return "!" + r.Key
	case r.Operator == SelectorNotIn:
		return r.Key + " notin (" + strings.Join(values, ",") + ")"
	case len(values) == 1:
		return r.Key + "=" + values[0]
	}
	return r.Key + " in (" + strings.Join(values, ",") + ")"
}

// Canonical is s as it is after it has been written and read: what is empty is nil.
func (s *Selector) Canonical() *Selector {
	out := &Selector{}
	if len(s.MatchLabels) > 0 {
		out.MatchLabels = maps.Clone(s.MatchLabels)
	}
	for _, r := range s.MatchExpressions {
		if r.Values = slices.Clone(r.Values); len(r.Values) == 0 {
			r.Values = nil
		}
		out.MatchExpressions = append(out.MatchExpressions, r)
	}
	return out
}

// String is s for a reader: "User alice", "Users with team=press", "Everyone".
func (s Subject) String() string {
	switch {
	case s.Selector == nil:
		return strings.TrimSpace(string(s.Kind) + " " + s.Name)
	case s.Selector.String() == "":
		return "All Users"
	}
	return "Users with " + s.Selector.String()
}
