package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

func broker() *v1alpha1.Broker {
	maxQoS, off := int32(0), false
	b := &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "edge"}}
	b.Spec.Listeners = []v1alpha1.ListenerSpec{
		{ListenerSettings: config.ListenerSettings{Name: "mqtts", Protocol: config.ProtocolMQTTS, Port: 8883, MaxConnections: 100}},
		{ListenerSettings: config.ListenerSettings{Name: "plain", Protocol: config.ProtocolMQTT, Port: 1883}},
		{ListenerSettings: config.ListenerSettings{Name: "unsaid", Port: 8884}},
		{ListenerSettings: config.ListenerSettings{Name: "ws", Protocol: config.ProtocolWS, Port: 8083,
			ProxyProtocol: &config.ProxyProtocol{Trusted: []string{"10.0.0.0/8"}}}},
		{ListenerSettings: config.ListenerSettings{Name: "wss", Protocol: config.ProtocolWSS, Port: 8085, Path: "/iot", Origins: []string{"https://app.example.com"}}},
	}
	b.Spec.TLS = v1alpha1.BrokerTLS{
		MinVersion: config.TLS13, ClientAuth: config.ClientAuthRequest, ClientCASecretName: "devices", ClientCRLSecretName: "devices-crl",
	}
	b.Spec.Authentication.ClientCertificate = &config.ClientCertificate{UsernameFrom: config.DNSName}
	b.Spec.Authentication.AllowAnonymous = true
	b.Spec.Authorization.DefaultPolicy = config.PolicyDeny
	b.Spec.MQTT = config.MQTT{MaxPacketSizeBytes: 2048, MaxQoS: &maxQoS, RetainAvailable: &off, SessionExpiryMaxSeconds: 4294967295}
	b.Spec.Limits = config.Limits{MaxConnections: 1000, Flapping: config.Ban{Attempts: 20}}
	b.Spec.Persistence.Durability = config.Durability{Sync: config.SyncInterval, SyncIntervalMilliseconds: 250}
	b.Spec.Tracing.Endpoint, b.Spec.Tracing.HeadersSecretName, b.Spec.Tracing.CASecretName = "https://otel-collector:4318/v1/traces", "token", "ca"
	b.Spec.Log = config.Log{Level: config.LogDebug, Format: config.LogText}
	return b
}

func TestConfigInPod(t *testing.T) {
	paths := render.PodPaths()
	paths.ClientKeyPins = []string{"bb", "aa"}
	data, err := render.ConfigYAML(render.Config(broker(), paths))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "config-pod.yaml", data)
	if paths.ClientKeyPins[0] != "bb" {
		t.Error("Config sorted its caller's pins")
	}
}

func TestConfigOnLaptop(t *testing.T) {
	data, err := render.ConfigYAML(render.Config(broker(), render.Paths{
		ListenHost: "127.0.0.1", TLSCertFile: "state/tls.crt", TLSKeyFile: "state/tls.key",
		ClientCAFile: "state/client-ca.crt", ClientCRLFile: "state/client-ca.crl",
		AuthDir: "state/auth", StoreDir: "state/data/edge",
	}))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "config-laptop.yaml", data)
	if _, err := config.Parse(data, "config.yaml"); err != nil {
		t.Errorf("the broker would not take it: %v", err)
	}
}

func TestConfigSharesNothing(t *testing.T) {
	b := broker()
	c := render.Config(b, render.PodPaths())
	*c.MQTT.MaxQoS = 2
	if *b.Spec.MQTT.MaxQoS != 0 {
		t.Error("the configuration shares memory with the Broker")
	}
}

// TestListenerTLS: a listener's own settings are in place of the Broker's.
func TestListenerTLS(t *testing.T) {
	b := &v1alpha1.Broker{}
	b.Spec.TLS = v1alpha1.BrokerTLS{MinVersion: config.TLS12, ClientAuth: config.ClientAuthRequire, ClientCASecretName: "ca", ClientCRLSecretName: "crl"}
	for range 3 {
		b.Spec.Listeners = append(b.Spec.Listeners, v1alpha1.ListenerSpec{})
	}
	b.Spec.Listeners[1].TLS = &v1alpha1.ListenerTLS{ClientAuth: config.ClientAuthNone}
	b.Spec.Listeners[2].TLS = &v1alpha1.ListenerTLS{ClientAuth: config.ClientAuthRequest, MinVersion: config.TLS13}
	p := render.PodPaths()
	pair := config.ListenerTLS{CertFile: p.TLSCertFile, KeyFile: p.TLSKeyFile, MinVersion: config.TLS12}
	asks := pair
	asks.ClientAuth, asks.ClientCAFile, asks.CRLFiles = config.ClientAuthRequire, p.ClientCAFile, []string{p.ClientCRLFile}
	own := asks
	own.ClientAuth, own.MinVersion = config.ClientAuthRequest, config.TLS13
	for i, want := range []config.ListenerTLS{asks, pair, own} {
		if diff := cmp.Diff(&want, render.Config(b, p).Listeners[i].TLS); diff != "" {
			t.Errorf("listener %d, -want +got:\n%s", i, diff)
		}
	}
}
