package children

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

var update = flag.Bool("update", false, "write the golden files")

func pointer[T any](v T) *T { return &v }

func listener(name string, protocol config.Protocol, port int32) v1alpha1.ListenerSpec {
	return v1alpha1.ListenerSpec{ListenerSettings: config.ListenerSettings{Name: name, Protocol: protocol, Port: port}}
}

// plain is what the API server makes of `spec: {}`.
func plain() *v1alpha1.Broker {
	return &v1alpha1.Broker{
		ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: "iot"},
		Spec: v1alpha1.BrokerSpec{
			Replicas:  pointer(int32(1)),
			Listeners: []v1alpha1.ListenerSpec{listener("mqtts", config.ProtocolMQTTS, 8883)},
		},
	}
}

// full sets everything that a child depends on.
func full() *v1alpha1.Broker {
	b := plain()
	b.Spec.Replicas = pointer(int32(0))
	b.Spec.ImagePullPolicy = corev1.PullIfNotPresent
	b.Spec.Listeners = append(b.Spec.Listeners, listener("plain", config.ProtocolMQTT, 883),
		listener("ws", config.ProtocolWS, 8083), listener("wss", config.ProtocolWSS, 8084))
	b.Spec.TLS.DNSNames = []string{"mqtt.example.com"}
	b.Spec.TLS.ClientAuth, b.Spec.TLS.ClientCASecretName, b.Spec.TLS.ClientCRLSecretName = config.ClientAuthRequire, "devices", "devices-crl"
	b.Spec.Persistence = v1alpha1.Persistence{Size: resource.MustParse("20Gi"), StorageClassName: pointer("fast")}
	b.Spec.Service = v1alpha1.ServiceSpec{ServiceSettings: v1alpha1.ServiceSettings{
		Type: corev1.ServiceTypeLoadBalancer, Annotations: map[string]string{"example.com/internal": "true"},
		LoadBalancerClass: pointer("example.com/fast"), LoadBalancerSourceRanges: []string{"192.0.2.0/24"},
		ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal,
	}}
	b.Spec.Listeners[3].Service = &v1alpha1.ListenerService{
		Port: 443, NodePort: 30443, ServiceSettings: v1alpha1.ServiceSettings{Type: corev1.ServiceTypeNodePort},
	}
	b.Spec.NetworkPolicy = v1alpha1.NetworkPolicySpec{
		Enabled: true, Clients: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "192.0.2.0/24"}}},
		Monitoring: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"monitoring": "here"}}}},
	}
	b.Spec.Tracing.Endpoint = "https://otel-collector.monitoring:4318/v1/traces"
	b.Spec.Tracing.HeadersSecretName, b.Spec.Tracing.CASecretName = "collector-token", "collector-ca"
	b.Spec.Drain.TimeoutSeconds = 60
	b.Spec.Monitoring = v1alpha1.Monitoring{Enabled: true, IntervalSeconds: 15, Labels: map[string]string{"release": "prometheus"}}
	b.Spec.PodTemplate = v1alpha1.PodTemplate{
		Labels:      map[string]string{"team": "iot", "app.kubernetes.io/name": "mine"},
		Annotations: map[string]string{"example.com/note": "hello"},
		Resources: &corev1.ResourceRequirements{Limits: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("1500m"), corev1.ResourceMemory: resource.MustParse("1Gi"),
		}},
		NodeSelector:      map[string]string{"disk": "ssd"},
		Tolerations:       []corev1.Toleration{{Key: "iot", Operator: corev1.TolerationOpExists}},
		PriorityClassName: "high",
		ImagePullSecrets:  []corev1.LocalObjectReference{{Name: "registry"}},
		Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "arch", Operator: corev1.NodeSelectorOpIn, Values: []string{"arm64"}}},
			}}},
		}},
	}
	return b
}

// issued is a Broker whose certificate cert-manager issues.
func issued(serviceNames bool) *v1alpha1.Broker {
	b := plain()
	b.Spec.TLS.DNSNames = []string{"mqtt.example.com", "2001:db8::1"}
	b.Spec.TLS.IssuerRef = &v1alpha1.IssuerRef{Name: "company", Kind: "ClusterIssuer", Group: "cert-manager.io", ServiceNames: &serviceNames}
	return b
}

// routed is a Broker with a route of each kind.
func routed() *v1alpha1.Broker {
	b := plain()
	b.Spec.Listeners = append(b.Spec.Listeners, listener("plain", config.ProtocolMQTT, 1883))
	b.Spec.Listeners[0].Route = &v1alpha1.ListenerRoute{
		Kind: "TLSRoute", Hostnames: []string{"edge.example.com", "*.iot.example.com"},
		ParentRefs: []v1alpha1.RouteParent{{Name: "front", Namespace: "net", SectionName: "tls"}, {Name: "inner"}},
	}
	b.Spec.Listeners[1].Route = &v1alpha1.ListenerRoute{Kind: "TCPRoute", ParentRefs: []v1alpha1.RouteParent{{Name: "front", Port: 1883}}}
	b.Spec.Listeners[1].Service = &v1alpha1.ListenerService{}
	return b
}

func pod(image string) Pod {
	return Pod{
		Image: image, Config: []byte("listeners: []\n"), AuthShards: 3,
		TLSDir: "/etc/dunlin/tls", AdminDir: "/etc/dunlin/admin", AuthDir: "/etc/dunlin/auth", StoreDir: "/var/lib/dunlin",
		TracingDir: "/etc/dunlin/tracing", ClientCADir: "/etc/dunlin/client-ca", ClientCRLDir: "/etc/dunlin/client-crl",
	}
}

func TestGolden(t *testing.T) {
	pair := Pair{CertPEM: []byte("certificate"), KeyPEM: []byte("key")}
	ca := []byte("ca")
	tests := map[string]any{
		"ca":                  CA(plain(), ca),
		"ca-key":              CAKey(plain(), pair, Pair{}, Pair{}),
		"server-tls":          ServerTLS(plain(), pair, ca, nil),
		"server-tls-more":     ServerTLS(plain(), pair, ca, map[string]Pair{"old.example.com": pair}),
		"server-tls-no-ca":    ServerTLS(plain(), pair, nil, nil),
		"admin-tls":           AdminTLS(plain(), pair, ca, []byte("token:Write:00\n")),
		"admin":               AdminTokens(plain(), "w", "r", ca),
		"operator-tls":        OperatorTLS(plain(), pair, ca),
		"config":              Config(plain(), []byte("listeners: []\n")),
		"auth":                Auth(plain(), []byte("{}"), nil),
		"auth-issuer":         Auth(plain(), []byte("{}"), []byte("{\"issuer\": \"https://x\"}")),
		"auth-shard":          AuthShard(plain(), 7, map[string][]byte{"passwd-07": []byte("alice:$7$...\n")}),
		"service":             Service(plain()),
		"service-full":        Service(full()),
		"service-listener":    ListenerService(full(), full().Spec.Listeners[3]),
		"pod-service":         PodService(full()),
		"network-policy":      NetworkPolicy(plain()),
		"network-policy-full": NetworkPolicy(full()),
		"budget":              Budget(plain()),
		"podmonitor":          PodMonitor(plain()),
		"podmonitor-full":     PodMonitor(full()),
		"certificate":         Certificate(issued(true), 90*24*time.Hour),
		"certificate-public":  Certificate(issued(false), time.Hour),
		"route-tls":           Route(routed(), routed().Spec.Listeners[0], "v1alpha3"),
		"route-tcp":           Route(routed(), routed().Spec.Listeners[1], "v1alpha2"),
		"statefulset":         StatefulSet(plain(), pod("dunlin-broker:dev")),
		"statefulset-full":    StatefulSet(full(), pod("registry.example.com/broker:1")),
	}
	for name, child := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := yaml.Marshal(child)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("read the golden file (go test -update writes it): %v", err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestConfigChangeRestarts(t *testing.T) {
	hash := func(config string) string {
		return StatefulSet(plain(), Pod{Config: []byte(config)}).Spec.Template.Annotations[annotationConfigHash]
	}
	if hash("a") == hash("b") {
		t.Error("two configurations have the same hash: a change would not restart the pods")
	}
	if one, two := hash("a"), hash("a"); one != two {
		t.Error("one configuration has two hashes: the pods would restart for nothing")
	}
}

func TestSelectorStandsInLabels(t *testing.T) {
	labels := StatefulSet(full(), Pod{}).Spec.Template.Labels
	for key, value := range Selector(full()) {
		if labels[key] != value {
			t.Errorf("pod label %s is %q, the selector wants %q", key, labels[key], value)
		}
	}
}

func TestNamesFit(t *testing.T) {
	b := plain()
	b.Name = "a123456789012345678901234567890123456789"[:40] // the CRD's bound
	const label = 63
	// The StatefulSet controller labels pods with its name and a hash of at most 10 characters.
	if n := len(StatefulSetName(b) + "-1234567890"); n > label {
		t.Errorf("the pods' revision label would have %d characters, at most %d are allowed", n, label)
	}
	if n := len(PodServiceName(b)); n > label {
		t.Errorf("the headless Service's name has %d characters, at most %d are allowed", n, label)
	}
}

func TestConnection(t *testing.T) {
	tests := []struct {
		listeners []v1alpha1.ListenerSpec
		name, uri string
	}{
		{full().Spec.Listeners, "mqtts", "mqtts://edge.iot.svc:8883"},
		{[]v1alpha1.ListenerSpec{listener("ws", config.ProtocolWS, 80), listener("plain", config.ProtocolMQTT, 1883)}, "plain", "mqtt://edge.iot.svc:1883"},
		{[]v1alpha1.ListenerSpec{listener("plain", config.ProtocolMQTT, 1883), listener("unsaid", "", 1884)}, "unsaid", "mqtts://edge.iot.svc:1884"},
		{[]v1alpha1.ListenerSpec{listener("plain", config.ProtocolMQTT, 1883), listener("wss", config.ProtocolWSS, 443)}, "wss", "wss://edge.iot.svc:443/mqtt"},
		{[]v1alpha1.ListenerSpec{{ListenerSettings: config.ListenerSettings{Name: "ws", Protocol: config.ProtocolWS, Port: 80, Path: "/a"}}}, "ws", "ws://edge.iot.svc:80/a"},
	}
	for _, test := range tests {
		b := plain()
		b.Spec.Listeners = test.listeners
		if l := PreferredListener(b); l.Name != test.name || URI(b, l) != test.uri {
			t.Errorf("listener %s, %s; want %s, %s", l.Name, URI(b, l), test.name, test.uri)
		}
	}
}

// TestAddress: without the Service for all, clients are told the listener's own, or the pods' names.
func TestAddress(t *testing.T) {
	b := full()
	b.Spec.Service.Enabled = pointer(false)
	for i, want := range []string{"edge-pods.iot.svc:8883", "edge-pods.iot.svc:883", "edge-pods.iot.svc:8083", "edge-wss.iot.svc:443"} {
		host, port := Address(b, b.Spec.Listeners[i])
		if got := fmt.Sprintf("%s:%d", host, port); got != want {
			t.Errorf("listener %d is at %s, want %s", i, got, want)
		}
		if !slices.Contains(ServerDNSNames(b), host) {
			t.Errorf("the certificate is not for %s", host)
		}
	}
	if got := URI(b, b.Spec.Listeners[3]); got != "wss://edge-wss.iot.svc:443/mqtt" {
		t.Error(got)
	}
}

func TestServerDNSNames(t *testing.T) {
	want := []string{
		"edge", "edge.iot", "edge.iot.svc", "edge.iot.svc.cluster.local",
		"edge-wss", "edge-wss.iot", "edge-wss.iot.svc", "edge-wss.iot.svc.cluster.local",
		"*.edge-pods.iot.svc", "*.edge-pods.iot.svc.cluster.local", "localhost", "mqtt.example.com",
	}
	if diff := cmp.Diff(want, ServerDNSNames(full())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
