package render_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// TestMoreCertificates: a listener's own certificate is in place of that of all, the others come after; those that are not there
// are left out, and so is one that the listener has already.
func TestMoreCertificates(t *testing.T) {
	secure := config.ListenerSettings{Name: "a", Protocol: config.ProtocolMQTTS, Port: 1}
	b := &v1alpha1.Broker{}
	b.Spec.TLS.Certificates = []v1alpha1.ServerCertificate{{SecretName: "x"}, {SecretName: "gone"}, {SecretName: "y"}}
	b.Spec.Listeners = []v1alpha1.ListenerSpec{
		{ListenerSettings: secure}, {ListenerSettings: secure, TLS: &v1alpha1.ListenerTLS{SecretName: "y"}},
		{ListenerSettings: secure, TLS: &v1alpha1.ListenerTLS{SecretName: "gone"}},
	}
	p := render.Paths{TLSCertFile: "all.crt", TLSKeyFile: "all.key"}
	p.More = render.PodMore([]string{"x", "y"}, func(name string) (cert, key string) { return name + ".crt", name + ".key" })
	x := config.CertificateFiles{CertFile: "/etc/dunlin/tls/x.crt", KeyFile: "/etc/dunlin/tls/x.key"}
	y := config.CertificateFiles{CertFile: "/etc/dunlin/tls/y.crt", KeyFile: "/etc/dunlin/tls/y.key"}
	want := []config.ListenerTLS{
		{CertFile: "all.crt", KeyFile: "all.key", Certificates: []config.CertificateFiles{x, y}},
		{CertFile: y.CertFile, KeyFile: y.KeyFile, Certificates: []config.CertificateFiles{x}},
		{CertFile: "all.crt", KeyFile: "all.key", Certificates: []config.CertificateFiles{x, y}},
	}
	for i, l := range render.Config(b, p).Listeners {
		if diff := cmp.Diff(&want[i], l.TLS); diff != "" {
			t.Errorf("%d: %s", i, diff)
		}
	}
}
