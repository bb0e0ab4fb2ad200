package cluster

import (
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/cluster/clustertest"
)

const (
	oursPath = "/apis/mqtt.dunlin.dev/v1alpha1/"
	plant    = oursPath + "namespaces/plant/"
)

func ours(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: kind}
}

func broker(name string) v1alpha1.Broker {
	return v1alpha1.Broker{TypeMeta: ours("Broker"), ObjectMeta: metav1.ObjectMeta{Namespace: "plant", Name: name}}
}

func user(namespace, name string, ref v1alpha1.BrokerRef) v1alpha1.User {
	return v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: v1alpha1.UserSpec{BrokerRef: ref}}
}

func reached(t *testing.T) (*clustertest.Server, *Cluster) {
	t.Helper()
	s := clustertest.New(t)
	c, err := ofConfig(&rest.Config{Host: s.URL}, "plant")
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func TestBroker(t *testing.T) {
	s, c := reached(t)
	list := func(items ...v1alpha1.Broker) {
		s.Put(plant+"brokers", &v1alpha1.BrokerList{TypeMeta: ours("BrokerList"), Items: items})
	}
	edge := broker("edge")
	s.Put(plant+"brokers/edge", &edge)
	list()
	for name, want := range map[string]string{
		"other": "there is no Broker other in namespace plant: kubectl get brokers -A lists all",
		"":      "there is no Broker in namespace plant: kubectl get brokers -A lists all",
	} {
		if _, err := c.Broker(t.Context(), name); err == nil || err.Error() != want {
			t.Errorf("%q: %v", name, err)
		}
	}
	list(broker("edge"))
	for _, name := range []string{"edge", ""} {
		if b, err := c.Broker(t.Context(), name); err != nil || b.Name != "edge" {
			t.Errorf("%q: %v", name, err)
		}
	}
	list(broker("edge"), broker("core"))
	if _, err := c.Broker(t.Context(), ""); err == nil || err.Error() != "namespace plant has several Brokers: name one of edge, core" {
		t.Error(err)
	}
	s.Deny(plant + "brokers")
	if _, err := c.Broker(t.Context(), ""); err == nil || !strings.Contains(err.Error(), "list the Brokers of namespace plant: you may not") {
		t.Error(err)
	}
}

// TestUsers: only those that name the Broker, from elsewhere only where it lets them, and what may not be seen is said.
func TestUsers(t *testing.T) {
	s, c := reached(t)
	here := []v1alpha1.User{
		user("plant", "a", v1alpha1.BrokerRef{Name: "edge"}), user("plant", "b", v1alpha1.BrokerRef{Name: "core"}),
		user("plant", "c", v1alpha1.BrokerRef{Name: "edge", Namespace: "field"}),
	}
	s.Put(plant+"users", &v1alpha1.UserList{TypeMeta: ours("UserList"), Items: here})
	s.Put(oursPath+"users", &v1alpha1.UserList{TypeMeta: ours("UserList"), Items: append(here,
		user("field", "d", v1alpha1.BrokerRef{Name: "edge", Namespace: "plant"}), user("field", "e", v1alpha1.BrokerRef{Name: "edge"}))})
	s.Put(plant+"acls", &v1alpha1.ACLList{TypeMeta: ours("ACLList"), Items: []v1alpha1.ACL{{Spec: v1alpha1.ACLSpec{BrokerRef: v1alpha1.BrokerRef{Name: "core"}}}}})
	edge := broker("edge")
	names := func() string {
		users, partial, err := c.Users(t.Context(), &edge)
		if err != nil {
			t.Fatal(err)
		}
		text := partial
		for _, u := range users {
			text += " " + u.Namespace + "/" + u.Name
		}
		return text
	}
	if got := names(); got != " plant/a" {
		t.Errorf("own namespace: %s", got)
	}
	edge.Spec.AllowedNamespaces = &metav1.LabelSelector{}
	if got := names(); got != " plant/a field/d" {
		t.Errorf("all namespaces: %s", got)
	}
	s.Deny(oursPath + "users")
	if got := names(); got != "only the users of namespace plant are shown: you may not list those of others plant/a" {
		t.Errorf("may not: %s", got)
	}
	edge.Spec.AllowedNamespaces = nil
	if acls, partial, err := c.ACLs(t.Context(), &edge); err != nil || len(acls) > 0 || partial != "" {
		t.Errorf("ACLs: %v, %q, %v", acls, partial, err)
	}
}

func TestPodsAndLogs(t *testing.T) {
	s, c := reached(t)
	s.Put(podsPath, &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []corev1.Pod{pod("edge-0", corev1.PodRunning, false)}})
	s.Put(podsPath+"/edge-0/log", "level=INFO msg=ready\n")
	s.Put("/api/v1/namespaces/plant/events", &corev1.EventList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "EventList"}, Items: make([]corev1.Event, 2)})
	edge := broker("edge")
	if pods, err := c.Pods(t.Context(), &edge); err != nil || len(pods) != 1 {
		t.Errorf("%v, %v", pods, err)
	}
	if events, err := c.Events(t.Context()); err != nil || len(events) != 2 {
		t.Errorf("%v, %v", events, err)
	}
	log, err := c.Logs(t.Context(), "plant", "edge-0", true, 10, 1000)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() //nolint:errcheck // a test's
	if text, err := io.ReadAll(log); err != nil || string(text) != "level=INFO msg=ready\n" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := c.Logs(t.Context(), "plant", "gone", false, 10, 1000); err == nil || !strings.Contains(err.Error(), "read the log of pod plant/gone: ") {
		t.Error(err)
	}
}
