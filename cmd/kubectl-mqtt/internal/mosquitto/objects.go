package mosquitto

import (
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Target is what the objects are called.
type Target struct {
	Name      string // of the Broker
	Namespace string // ""; the one that they are applied to
}

// Document is an object as YAML.
type Document struct {
	Kind, Name string
	YAML       []byte
}

// Ports that the broker has for itself in a pod: health and admin.
var reservedPorts = map[int32]bool{8080: true, 8081: true}

// Objects are the Broker, the Users and the ACLs. Notes that have to do with a cluster are added to i.Notes, among them the
// commands that make the Secrets of its certificates: no key is copied.
func (i *Import) Objects(t Target) ([]Document, error) {
	b := i.broker(t)
	documents := []Document{}
	add := func(kind string, meta metav1.ObjectMeta, o any) error {
		data, err := encode(kind, o)
		documents = append(documents, Document{kind, meta.Name, data})
		return err
	}
	if err := add("Broker", b.ObjectMeta, b); err != nil {
		return nil, err
	}
	ref := v1alpha1.BrokerRef{Name: t.Name}
	names := make(map[string]bool)
	for _, u := range i.Users {
		user := &v1alpha1.User{ObjectMeta: t.meta(objectName(u.Name, names))}
		user.Spec.BrokerRef = ref
		if user.Name != u.Name {
			user.Spec.Username = u.Name
		}
		user.Spec.Authentication.Password.PasswordHash = u.Hash
		if err := add("User", user.ObjectMeta, user); err != nil {
			return nil, err
		}
	}
	names = make(map[string]bool)
	for _, a := range i.ACLs {
		acl := &v1alpha1.ACL{ObjectMeta: t.meta(objectName(t.Name+"-"+a.Name, names))}
		acl.Spec = v1alpha1.ACLSpec{BrokerRef: ref, ACLRules: a.ACLRules}
		if err := add("ACL", acl.ObjectMeta, acl); err != nil {
			return nil, err
		}
	}
	return documents, nil
}

func (t Target) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: t.Namespace}
}

// broker is the Broker. Only what a Broker has is in it: what a listener says of addresses is a matter of Services.
func (i *Import) broker(t Target) *v1alpha1.Broker {
	c := i.Config
	b := &v1alpha1.Broker{ObjectMeta: t.meta(t.Name)}
	b.Spec.Authentication, b.Spec.Authorization = c.Authentication, c.Authorization
	b.Spec.MQTT, b.Spec.Limits, b.Spec.Log = c.MQTT, c.Limits, c.Log
	b.Spec.Persistence.Sync = c.Store.Sync
	if only := i.listeners[0]; only.implicit && only.Host == "127.0.0.1" && c.Authentication.AllowAnonymous {
		i.hint(only.place, "mosquitto serves this machine alone by this file, and everybody on it; the Broker serves everybody who reaches it: have Users, and set authentication.allowAnonymous to false")
	}
	if c.Authentication.AllowAnonymous && len(i.Users) == 0 {
		i.hint(i.place(), "a client that gives a user name has to be a User, or to leave the name out; mosquitto takes any name where there is no password_file")
	}
	var ports = make(map[int32]bool)
	var secure *listenerConf
	for _, l := range i.listeners {
		if l.Socket != "" {
			i.add(Note{l.String(), "listener 0 " + l.Socket + ": a pod's clients come by the network", true})
			continue
		}
		settings := l.ListenerSettings
		if reservedPorts[settings.Port] {
			settings.Port += 10000
			i.hint(l.place, fmt.Sprintf("port %d is the broker's own in a pod: the listener has %d", l.Port, settings.Port))
		}
		if ports[settings.Port] {
			i.add(Note{l.String(), fmt.Sprintf("a second listener on port %d: a pod has one address", settings.Port), true})
			continue
		}
		ports[settings.Port] = true
		if l.Host != "" && !l.implicit {
			i.hint(l.place, "a pod listens on all its addresses: bound who reaches it by a Service or a NetworkPolicy")
		}
		if l.TLS != nil {
			secure = i.tls(b, l, secure)
		}
		b.Spec.Listeners = append(b.Spec.Listeners, v1alpha1.ListenerSpec{ListenerSettings: settings})
	}
	return b
}

// tls has the Broker's TLS be that of its first listener that has some.
func (i *Import) tls(b *v1alpha1.Broker, l, first *listenerConf) *listenerConf {
	if first != nil {
		if l.certFile != first.certFile || l.keyFile != first.keyFile || l.TLS.ClientAuth != first.TLS.ClientAuth || l.TLS.ClientCAFile != first.TLS.ClientCAFile {
			i.add(Note{l.String(), "its certificates: those of " + first.String() + " are for all listeners", true})
		}
		return first
	}
	b.Spec.TLS.SecretName = b.Name + "-mqtt-tls"
	create := "kubectl create secret "
	if b.Namespace != "" {
		create += "-n " + b.Namespace + " "
	}
	i.hint(l.place, create+fmt.Sprintf("tls %s --cert=%s --key=%s", b.Spec.TLS.SecretName, l.certFile, l.keyFile))
	b.Spec.TLS.MinVersion = l.TLS.MinVersion
	if !l.TLS.ClientAuth.Asks() {
		return l
	}
	b.Spec.TLS.ClientAuth, b.Spec.TLS.ClientCASecretName = l.TLS.ClientAuth, b.Name+"-client-ca"
	i.hint(l.place, create+fmt.Sprintf("generic %s --from-file=ca.crt=%s", b.Spec.TLS.ClientCASecretName, l.TLS.ClientCAFile))
	if len(l.TLS.CRLFiles) > 0 {
		b.Spec.TLS.ClientCRLSecretName = b.Name + "-client-crl"
		i.hint(l.place, create+fmt.Sprintf("generic %s --from-file=ca.crl=%s", b.Spec.TLS.ClientCRLSecretName, l.TLS.CRLFiles[0]))
	}
	return l
}

func (i *Import) add(n Note)                 { i.Notes = append(i.Notes, n) }
func (i *Import) hint(at place, text string) { i.add(Note{at.String(), text, false}) }

// place is that of the first listener, for what is about the whole file.
func (i *Import) place() place { return i.listeners[0].place }

// objectName makes a name that no other has of any text.
func objectName(text string, taken map[string]bool) string {
	base := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, text), "-")
	base = strings.TrimRight(base[:min(len(base), 56)], "-")
	if base == "" {
		base = "user"
	}
	name := base
	for n := 2; taken[name] || len(validation.IsDNS1123Label(name)) > 0; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	taken[name] = true
	return name
}

// encode is an object as YAML, without what only a cluster writes.
func encode(kind string, o any) ([]byte, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	delete(fields, "status")
	fields["apiVersion"], fields["kind"] = v1alpha1.GroupVersion.String(), kind
	prune(fields)
	data, err = yaml.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", kind, err)
	}
	return data, nil
}

// prune leaves out what says nothing.
func prune(fields map[string]any) {
	for name, value := range fields {
		switch value := value.(type) {
		case nil:
			delete(fields, name)
		case map[string]any:
			if prune(value); len(value) == 0 {
				delete(fields, name)
			}
		case string:
			if value == "" || value == "0" && name == "size" {
				delete(fields, name)
			}
		}
	}
}

// ACLFileYAML are the ACLs as the broker's own ACL file has them.
func (i *Import) ACLFileYAML() ([]byte, error) {
	data, err := yaml.Marshal(config.ACLSet{ACLs: i.ACLs})
	if err != nil {
		return nil, fmt.Errorf("encode access rules: %w", err)
	}
	return data, nil
}
