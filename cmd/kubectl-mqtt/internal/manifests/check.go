package manifests

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/controllers/access"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// check finds what is wrong between objects, and what their schema cannot say.
func (s *Set) check() Problems {
	var problems Problems
	for i := range s.Brokers {
		problems = append(problems, s.checkBroker(&s.Brokers[i])...)
	}
	for i := range s.Users {
		problems = append(problems, s.checkUser(&s.Users[i])...)
	}
	for i := range s.ACLs {
		problems = append(problems, s.checkACL(&s.ACLs[i])...)
	}
	return problems
}

func (s *Set) checkBroker(b *v1alpha1.Broker) Problems {
	var problems Problems
	if _, err := metav1.LabelSelectorAsSelector(b.Spec.AllowedNamespaces); err != nil {
		problems = append(problems, s.problem(b, "spec.allowedNamespaces", err.Error()))
	}
	if name := b.Spec.TLS.SecretName; name != "" && s.Secret(b.Namespace, name) == nil {
		problems = append(problems, s.warning(b, "spec.tls.secretName",
			fmt.Sprintf("Secret %s/%s is not among the files", b.Namespace, name)))
	}
	for _, name := range children.MoreSecrets(b) {
		if s.Secret(b.Namespace, name) == nil {
			problems = append(problems, s.warning(b, "spec.tls.certificates", fmt.Sprintf("Secret %s/%s is not among the files", b.Namespace, name)))
		}
	}
	_, losers := render.ResolveUsers(s.UsersOf(b))
	for name, first := range losers {
		loser := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
		problems = append(problems, s.problem(loser, "spec.username", fmt.Sprintf("%q is the name of User %s/%s too",
			render.Username(first), first.Namespace, first.Name)))
	}
	return problems
}

func (s *Set) checkUser(u *v1alpha1.User) Problems {
	problems := s.checkRef(u, u.Spec.BrokerRef)
	source := u.Spec.Authentication.Password
	if source.PasswordHash != "" {
		if err := password.Check(source.PasswordHash); err != nil {
			problems = append(problems, s.problem(u, "spec.authentication.password.passwordHash", err.Error()))
		}
	}
	if source.SecretRef != nil {
		if _, err := s.Password(u); err != nil {
			problems = append(problems, s.warning(u, "spec.authentication.password.secretRef", err.Error()))
		}
	}
	return problems
}

func (s *Set) checkACL(a *v1alpha1.ACL) Problems {
	problems := s.checkRef(a, a.Spec.BrokerRef)
	if err := render.ValidateACL(a); err != nil {
		for message := range strings.SplitSeq(err.Error(), "\n") {
			path, rest, _ := strings.Cut(message, ": ")
			problems = append(problems, s.problem(a, path, rest))
		}
	}
	if err := access.Test(a); err != nil && len(a.Spec.Tests) > 0 {
		for message := range strings.SplitSeq(err.Error(), "\n") {
			path, rest, _ := strings.Cut(message, ": ")
			problems = append(problems, s.problem(a, path, rest))
		}
	}
	for _, message := range access.Shadowed(a) {
		path, rest, _ := strings.Cut(message, " ")
		problems = append(problems, s.warning(a, path, rest))
	}
	return problems
}

// checkRef says whether the Broker that an object names is there and wants it.
func (s *Set) checkRef(o metav1.Object, ref v1alpha1.BrokerRef) Problems {
	b := s.brokerOf(ref, o.GetNamespace())
	switch {
	case b == nil:
		return Problems{s.warning(o, "spec.brokerRef", fmt.Sprintf("Broker %s is not among the files", refName(ref, o.GetNamespace())))}
	case !s.Allows(b, o.GetNamespace()):
		return Problems{s.warning(o, "spec.brokerRef", fmt.Sprintf(
			"Broker %s/%s does not allow namespace %s: its spec.allowedNamespaces must select it", b.Namespace, b.Name, o.GetNamespace()))}
	}
	return nil
}

// Password is the password that a User takes from a Secret of the files.
func (s *Set) Password(u *v1alpha1.User) ([]byte, error) {
	ref := u.Spec.Authentication.Password.SecretRef
	secret := s.Secret(u.Namespace, ref.Name)
	if secret == nil {
		return nil, fmt.Errorf("Secret %s/%s is not among the files", u.Namespace, ref.Name)
	}
	key := ref.Key
	if key == "" {
		key = corev1.BasicAuthPasswordKey
	}
	if len(secret.Data[key]) == 0 {
		return nil, fmt.Errorf("Secret %s/%s has no key %s, or it is empty", u.Namespace, ref.Name, key)
	}
	return secret.Data[key], nil
}

// problem is an error about a field of an object.
func (s *Set) problem(o metav1.Object, path, message string) Problem {
	name := nameOf(o)
	return Problem{Source: s.origins[name].at(path), Object: name, Message: path + ": " + message}
}

func (s *Set) warning(o metav1.Object, path, message string) Problem {
	p := s.problem(o, path, message)
	p.Warning = true
	return p
}

// nameOf is "Kind namespace/name".
func nameOf(o metav1.Object) string {
	kind := "Broker"
	switch o.(type) {
	case *v1alpha1.User:
		kind = "User"
	case *v1alpha1.ACL:
		kind = "ACL"
	}
	return kind + " " + o.GetNamespace() + "/" + o.GetName()
}

func refName(ref v1alpha1.BrokerRef, namespace string) string {
	if ref.Namespace != "" {
		namespace = ref.Namespace
	}
	return namespace + "/" + ref.Name
}

func list(names []string) string { return strings.Join(names, ", ") }
