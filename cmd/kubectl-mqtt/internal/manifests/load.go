package manifests

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// Set is what a number of files describe.
type Set struct {
	Brokers    []v1alpha1.Broker
	Users      []v1alpha1.User
	ACLs       []v1alpha1.ACL
	Secrets    []corev1.Secret    // of the users' own
	Namespaces []corev1.Namespace // for their labels
	Ignored    []string           // objects of other kinds: "Kind namespace/name"

	Files []string // that were read
	Dirs  []string // in which further files may appear

	origins map[string]origin // "Kind namespace/name" -> where it is written
}

// Loader reads files. Schemas must be set.
type Loader struct {
	Schemas Schemas
	Stdin   io.Reader // what the path "-" stands for
	Skip    string    // a folder not to look into; "": none
}

// Load reads paths, of files or folders, and checks every object by itself and against the others. With
// errors among the problems, the set has what was good.
func (l Loader) Load(paths []string) (*Set, Problems) {
	set := &Set{origins: map[string]origin{}}
	var problems Problems
	set.Files, set.Dirs, problems = find(paths, l.Skip)
	for _, file := range set.Files {
		data, err := read(file, l.Stdin)
		if err != nil {
			problems = append(problems, Problem{Source: Source{File: file}, Message: err.Error()})
			continue
		}
		docs, bad := parse(file, data)
		problems = append(problems, bad...)
		for _, doc := range docs {
			problems = append(problems, l.add(set, doc)...)
		}
	}
	problems = append(problems, set.check()...)
	problems.sort()
	return set, problems
}

// Size is how many objects of our kinds there are.
func (s *Set) Size() int { return len(s.Brokers) + len(s.Users) + len(s.ACLs) }

// add puts the object of doc into set, if nothing is wrong with it.
func (l Loader) add(set *Set, doc document) Problems {
	version, _ := doc.object["apiVersion"].(string)
	kind, _ := doc.object["kind"].(string)
	if version == "" || kind == "" {
		return Problems{{Source: doc.Source, Message: "not a Kubernetes object: apiVersion or kind is missing"}}
	}
	name := identify(doc.object, kind)
	group, _, _ := strings.Cut(version, "/")
	switch {
	case group == v1alpha1.GroupVersion.Group:
		return l.addOurs(set, doc, version, kind, name)
	case version == "v1" && kind == "Secret":
		secret, err := decodeSecret(doc.object)
		if err != nil {
			return Problems{{Source: doc.Source, Object: name, Message: err.Error()}}
		}
		set.Secrets = append(set.Secrets, *secret)
	case version == "v1" && kind == "Namespace":
		namespace := corev1.Namespace{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(doc.object, &namespace); err != nil {
			return Problems{{Source: doc.Source, Object: name, Message: err.Error()}}
		}
		set.Namespaces = append(set.Namespaces, namespace)
	default:
		set.Ignored = append(set.Ignored, name)
		return nil
	}
	return set.record(name, doc.origin)
}

// addOurs checks an object of our group and puts it into set.
func (l Loader) addOurs(set *Set, doc document, version, kind, name string) Problems {
	if want := v1alpha1.GroupVersion.String(); version != want {
		return Problems{{Source: doc.at("apiVersion"), Object: name,
			Message: fmt.Sprintf("apiVersion: %s is not known, only %s", version, want)}}
	}
	schema, ok := l.Schemas[kind]
	if !ok {
		return Problems{{Source: doc.at("kind"), Object: name,
			Message: fmt.Sprintf("kind: %s is not one of ACL, Broker and User", kind)}}
	}
	var problems Problems
	unknown, errs := schema.admit(doc.object)
	for _, path := range unknown {
		problems = append(problems, Problem{Source: doc.at(path), Object: name, Message: fmt.Sprintf("unknown field %q", path)})
	}
	for _, err := range errs {
		message := err.Error()
		if err.Field == (*field.Path)(nil).String() { // the object as a whole
			message = err.ErrorBody()
		}
		problems = append(problems, Problem{Source: doc.at(err.Field), Object: name, Message: message})
	}
	if len(problems) > 0 {
		return problems
	}
	if problems = set.record(name, doc.origin); len(problems) > 0 {
		return problems
	}
	var err error
	switch kind {
	case "Broker":
		set.Brokers, err = appendTyped(set.Brokers, doc.object)
	case "User":
		set.Users, err = appendTyped(set.Users, doc.object)
	case "ACL":
		set.ACLs, err = appendTyped(set.ACLs, doc.object)
	}
	if err != nil {
		return Problems{{Source: doc.Source, Object: name, Message: err.Error()}}
	}
	return nil
}

// record notes where an object is written; that it is written elsewhere too is a problem.
func (s *Set) record(name string, where origin) Problems {
	if first, ok := s.origins[name]; ok {
		return Problems{{Source: where.Source, Object: name,
			Message: fmt.Sprintf("it is in %s:%d already", first.File, first.Line)}}
	}
	s.origins[name] = where
	return nil
}

// identify is "Kind namespace/name" of an object, and puts the namespace in that it is in when it says none.
func identify(object map[string]any, kind string) string {
	meta, ok := object["metadata"].(map[string]any)
	if !ok {
		return kind + " without a name"
	}
	name, _ := meta["name"].(string)
	if kind == "Namespace" {
		return kind + " " + name
	}
	namespace, isText := meta["namespace"].(string)
	if _, there := meta["namespace"]; !there || isText && namespace == "" {
		namespace = metav1.NamespaceDefault
		meta["namespace"] = namespace
	}
	return kind + " " + namespace + "/" + name
}

// appendTyped appends the object as a T, which after its check by the schema should not fail.
func appendTyped[T any](list []T, object map[string]any) ([]T, error) {
	var typed T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, &typed); err != nil {
		return list, err
	}
	return append(list, typed), nil
}

// decodeSecret reads a Secret; its stringData is in data, as an API server puts it.
func decodeSecret(object map[string]any) (*corev1.Secret, error) {
	data, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	secret := &corev1.Secret{}
	if err := json.Unmarshal(data, secret); err != nil {
		return nil, err
	}
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	for key, value := range secret.StringData {
		secret.Data[key] = []byte(value)
	}
	secret.StringData = nil
	return secret, nil
}

// Secret finds a Secret; nil if it is not among the files.
func (s *Set) Secret(namespace, name string) *corev1.Secret {
	i := slices.IndexFunc(s.Secrets, func(x corev1.Secret) bool { return x.Namespace == namespace && x.Name == name })
	if i < 0 {
		return nil
	}
	return &s.Secrets[i]
}
