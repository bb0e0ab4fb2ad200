package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/cluster/clustertest"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/health"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

const (
	corePath = "/api/v1/namespaces/default/"
	oursPath = "/apis/mqtt.dunlin.dev/v1alpha1/namespaces/default/"
)

// inCluster has an API server in front of a live broker, as if it ran in a pod: Broker default/edge, and its Users.
func inCluster(t *testing.T, l *live) *clustertest.Server {
	t.Helper()
	s := clustertest.New(t)
	t.Setenv("KUBECONFIG", s.Kubeconfig("default"))
	file := func(name string) []byte {
		data, err := os.ReadFile("dunlin-state/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	ours := func(kind string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: kind}
	}
	core := func(kind string) metav1.TypeMeta { return metav1.TypeMeta{APIVersion: "v1", Kind: kind} }
	ready := []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAsExpected}}
	b := &v1alpha1.Broker{TypeMeta: ours("Broker"), ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "edge"}}
	b.Spec.Listeners = []v1alpha1.ListenerSpec{
		{ListenerSettings: config.ListenerSettings{Name: "wss", Protocol: config.ProtocolWSS, Port: 8884, Path: "/there"}},
		{ListenerSettings: config.ListenerSettings{Name: "mqtts", Protocol: config.ProtocolMQTTS, Port: 8883}},
	}
	b.Status = v1alpha1.BrokerStatus{CASecretName: "edge-ca", Conditions: ready}
	s.Put(oursPath+"brokers/edge", b)
	s.Put(oursPath+"brokers", &v1alpha1.BrokerList{TypeMeta: ours("BrokerList"), Items: []v1alpha1.Broker{*b}})
	secret := func(name string, data map[string][]byte) {
		s.Put(corePath+"secrets/"+name, &corev1.Secret{TypeMeta: core("Secret"), ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Data: data})
	}
	secret("edge-ca", map[string][]byte{children.KeyCA: file("ca.crt")})
	secret("edge-server-tls", map[string][]byte{corev1.TLSCertKey: file("tls.crt"), corev1.TLSPrivateKeyKey: file("tls.key")})
	secret("edge-operator-tls", map[string][]byte{
		corev1.TLSCertKey: file("admin/client.crt"), corev1.TLSPrivateKeyKey: file("admin/client.key"), children.KeyCA: file("admin/ca.crt"),
	})
	users := &v1alpha1.UserList{TypeMeta: ours("UserList")}
	for _, name := range []string{"alice", "bob"} {
		u := v1alpha1.User{TypeMeta: ours("User"), ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
		u.Spec.BrokerRef.Name, u.Status = "edge", v1alpha1.UserStatus{SecretName: name + "-mqtt", Conditions: ready}
		if name == "bob" {
			u.Spec.Username = "bobby"
		}
		users.Items = append(users.Items, u)
		s.Put(oursPath+"users/"+name, &u)
		secret(name+"-mqtt", map[string][]byte{"password": []byte(l.password(name))})
	}
	taken := users.Items[0]
	taken.Name, taken.Spec.Username = "alice-2", "alice"
	taken.Spec.Authentication.Password.PasswordHash = "$7$101$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNo"
	taken.Status = v1alpha1.UserStatus{Conditions: []metav1.Condition{{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonUsernameTaken, Message: "User default/alice has it",
	}}}
	users.Items = append(users.Items, taken)
	s.Put(oursPath+"users/alice-2", &taken)
	s.Put(oursPath+"users", users)
	s.Put(oursPath+"acls", &v1alpha1.ACLList{TypeMeta: ours("ACLList")})
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "edge-0"}, Status: corev1.PodStatus{
		Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}}
	s.Put(corePath+"pods", &corev1.PodList{TypeMeta: core("PodList"), Items: []corev1.Pod{pod}})
	s.Put(corePath+"pods/edge-0/log", "level=INFO msg=ready key="+l.password("alice")[:4]+" password="+l.password("bob")+"\n")
	s.Put(corePath+"events", &corev1.EventList{TypeMeta: core("EventList"), Items: []corev1.Event{
		{InvolvedObject: corev1.ObjectReference{Name: "edge-0"}, Message: "Started"}, {InvolvedObject: corev1.ObjectReference{Name: "other"}, Message: "of others"},
	}})
	s.Put(corePath+"configmaps/edge-config", &corev1.ConfigMap{TypeMeta: core("ConfigMap"), Data: map[string]string{"config.yaml": "listeners: []\n"}})
	address := strings.TrimSpace(string(file("admin/address")))
	s.Lead(children.AdminPort, address)
	s.Lead(8883, fmt.Sprintf("127.0.0.1:%d", l.secured))
	s.Lead(8884, fmt.Sprintf("127.0.0.1:%d", l.webTLS))
	return s
}

// TestInCluster: every command reaches a Broker's pod through port-forwards, and reads the objects that it needs.
func TestInCluster(t *testing.T) {
	l := startLive(t)
	s := inCluster(t, l)
	l.client("sensor-1", nil)
	for _, test := range []struct {
		line string
		code int
		want []string
	}{
		{"status edge", 1, []string{"Broker default/edge is not well", "2 of 3 Users, 0 of 0 ACLs", "edge-0   Running   yes", "Error UsernameTaken: User default/alice-2 is not applied: User default/alice has it",
			"-> give it another spec.username"}},
		{"clients", 0, []string{"sensor-1"}}, // the only Broker of the namespace
		{"clients edge -n default", 0, []string{"sensor-1"}},
		{"client edge sensor-1", 0, []string{"sensor-1   connected"}},
		{"client sensor-1", 0, []string{"sensor-1   connected"}},
		{"users edge -o wide", 0, []string{"alice   yes                  1   ops      default/alice", "alice   no                   0   -        default/alice-2   UsernameTaken   User default/alice has it",
			"bobby   yes                  0   -        default/bob"}},
		{"acl list edge", 0, []string{"default/sensors rule 1"}},
		{"acl denials edge", 0, []string{"Nothing that fits"}},
		{"can-i edge alice publish sensors/1", 0, []string{"yes"}},
		{"certs edge", 0, []string{"Secret edge-server-tls", "listener mqtts", "Not shown, admin API"}},
		{"topics edge --for 0s", 0, []string{"Broker default/edge"}},
		{"top edge --once --interval 200ms", 0, []string{"sensor-1"}},
		{"trace edge --for 100ms", 0, nil},
		{"pub edge sensors/1 -m x -q 1 -r --as alice", 0, []string{"as alice, acknowledged"}},
		{"sub edge sensors/1 --as bob -c 1 -W 10s", 0, []string{"sensors/1 x"}},
		{"bench edge --as default/alice -t sensors/b -d 200ms --rate 100", 0, []string{"It went through a port-forward"}},
		{"sub edge sensors/1 --as bob -c 1 -W 10s --listener wss", 0, []string{"sensors/1 x"}},
		{"pub edge sensors/1 -m x", 1, []string{"--as one of alice, bob, alice-2"}},
		{"pub edge sensors/1 -m x --as eve", 1, []string{"there is no User eve in namespace default"}},
		{"pub edge sensors/1 -m x --as alice-2", 1, []string{"the cluster knows only a hash: give it with --username alice --password-file FILE"}},
		{"pub edge sensors/1 -m x --as alice --listener plain", 1, []string{"no listener plain, only wss (WSS), mqtts (MQTTS)"}},
		{"kick edge sensor-1 --session", 0, []string{"its session has ended"}},
		{"status core", 1, []string{"there is no Broker core in namespace default: kubectl get brokers -A lists all"}},
		{"status edge core", 2, []string{"give the name of one BROKER"}},
		{"sub sensors/1", 2, []string{"give the name of one BROKER"}},
	} {
		l.cliAt("", test.line, test.code, test.want...)
	}
	r := parsed[health.Report](t, l.cliAt("", "status -o json", 1))
	if r.Ready != "True" || r.Users.Total != 3 || r.Users.Applied != 2 || len(r.Pods) != 1 || r.Overview == nil {
		t.Errorf("%+v", r)
	}
	l.client("sensor-2", nil)
	s.Put("/api/v1/namespaces", &corev1.NamespaceList{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NamespaceList"}, Items: []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "plant"}}},
	})
	for typed, want := range map[string]string{
		"status ": "edge", "status x": "", "status edge ": "", "kick edge sen": "sensor-2", "kick sen": "sensor-2", "client edge x": "", "kick core sen": "sensor-2",
		"pub edge sensors/1 --as al": "alice alice-2", "pub sensors/1 --as b": "bob", "sub edge --listener ": "mqtts plain ws wss",
		"status -n pl": "plant", "status -n x": "", "status --context ": "x",
	} {
		completes(t, typed, want)
	}
	reportOfCluster(t, l)

	s.Deny(corePath + "secrets/edge-operator-tls")
	l.cliAt("", "status edge", 1, "Error Unreachable", "you may not", "2 of 3 Users")
	l.cliAt("", "clients edge", 1, "Error: reach Broker default/edge: read Secret default/edge-operator-tls: you may not")
}

// completes checks what a shell is offered.
func completes(t *testing.T, typed, want string) {
	t.Helper()
	_, out, err := cli(t, "", append([]string{"__complete"}, strings.Split(typed, " ")...)...)
	offered, directive, _ := strings.Cut("\n"+out, "\n:")
	names := strings.Fields(offered)
	slices.Sort(names)
	if got := strings.Join(names, " "); got != want || directive == "" {
		t.Errorf("%s: offered %q, want %q\n%s%s", typed, got, want, out, err)
	}
}

// reportOfCluster: objects and logs are in the bundle, and no Secret's content is.
func reportOfCluster(t *testing.T, l *live) {
	t.Helper()
	l.cliAt("", "report edge -o c.tar.gz", 0, "Not in it: the operator's log: ")
	files := unpack(t, "c.tar.gz")
	for name, want := range map[string]string{
		"status.txt": "UsernameTaken", "objects/broker.yaml": "name: edge", "objects/users.yaml": "passwordHash: (removed)", "objects/events.yaml": "message: Started",
		"objects/config.yaml": "listeners: []", "logs/edge-0.log": "msg=ready", "broker/clients.json": "sensor-2", "MISSING.txt": "objects/service-edge.yaml",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s has no %q:\n%.2000s", name, want, files[name])
		}
	}
	for _, secret := range append(secretsOf(t), "aGFzaGhhc2hoYXNo", "of others") {
		for name, content := range files {
			if strings.Contains(content, secret) {
				t.Errorf("%s has %s", name, secret)
			}
		}
	}
}
