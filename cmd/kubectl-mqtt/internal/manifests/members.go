package manifests

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// UsersOf are the Users that name the Broker and may.
func (s *Set) UsersOf(b *v1alpha1.Broker) []v1alpha1.User {
	var users []v1alpha1.User
	for _, u := range s.Users {
		if refers(u.Spec.BrokerRef, u.Namespace, b) && s.Allows(b, u.Namespace) {
			users = append(users, u)
		}
	}
	return users
}

// ACLsOf are the ACLs that name the Broker and may.
func (s *Set) ACLsOf(b *v1alpha1.Broker) []v1alpha1.ACL {
	var acls []v1alpha1.ACL
	for _, a := range s.ACLs {
		if refers(a.Spec.BrokerRef, a.Namespace, b) && s.Allows(b, a.Namespace) {
			acls = append(acls, a)
		}
	}
	return acls
}

// Broker picks one by its name, or the only one if name is "".
func (s *Set) Broker(name string) (*v1alpha1.Broker, error) {
	var found []*v1alpha1.Broker
	var names []string
	for i := range s.Brokers {
		b := &s.Brokers[i]
		names = append(names, b.Namespace+"/"+b.Name)
		if name == "" || name == b.Name || name == b.Namespace+"/"+b.Name {
			found = append(found, b)
		}
	}
	switch {
	case len(s.Brokers) == 0:
		return nil, fmt.Errorf("there is no Broker among the files")
	case len(found) == 0:
		return nil, fmt.Errorf("there is no Broker %s among the files, only %s", name, list(names))
	case len(found) > 1:
		return nil, fmt.Errorf("there are %d Brokers among the files: choose one with --broker (%s)", len(found), list(names))
	}
	return found[0], nil
}

// brokerOf is the Broker that an object in namespace refers to; nil if it is not among the files.
func (s *Set) brokerOf(ref v1alpha1.BrokerRef, namespace string) *v1alpha1.Broker {
	for i := range s.Brokers {
		if refers(ref, namespace, &s.Brokers[i]) {
			return &s.Brokers[i]
		}
	}
	return nil
}

func refers(ref v1alpha1.BrokerRef, namespace string, b *v1alpha1.Broker) bool {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return ref.Name == b.Name && namespace == b.Namespace
}

// Allows says whether the Broker lets objects of a namespace name it. Of a namespace that is not among
// the files only the name is known, which every cluster puts in a label.
func (s *Set) Allows(b *v1alpha1.Broker, namespace string) bool {
	if namespace == b.Namespace {
		return true
	}
	if b.Spec.AllowedNamespaces == nil {
		return false
	}
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.AllowedNamespaces)
	if err != nil {
		return false
	}
	known := labels.Set{}
	for _, ns := range s.Namespaces {
		if ns.Name == namespace {
			known = labels.Merge(known, ns.Labels)
		}
	}
	known["kubernetes.io/metadata.name"] = namespace
	return selector.Matches(known)
}

// NamespacesOf are the namespaces that the Broker allows, of those that the files speak of; all: whatever it is called.
func (s *Set) NamespacesOf(b *v1alpha1.Broker) (names []string, all bool) {
	if a := b.Spec.AllowedNamespaces; a != nil && len(a.MatchLabels) == 0 && len(a.MatchExpressions) == 0 {
		return nil, true
	}
	known := map[string]bool{b.Namespace: true}
	for _, ns := range s.Namespaces {
		known[ns.Name] = true
	}
	for _, u := range s.Users {
		known[u.Namespace] = true
	}
	for _, a := range s.ACLs {
		known[a.Namespace] = true
		for _, subject := range a.Spec.Subjects {
			if ns, _, qualified := strings.Cut(subject.Name, "/"); qualified && subject.Kind == config.SubjectServiceAccount {
				known[ns] = true
			}
		}
	}
	for ns := range known {
		if s.Allows(b, ns) {
			names = append(names, ns)
		}
	}
	slices.Sort(names)
	return names, false
}
