package render

import (
	"fmt"
	"path"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Paths is where a broker finds its files and binds its endpoints: all that is not in the Broker object.
type Paths struct {
	// ListenHost is the address that the listeners bind. Empty: all addresses.
	ListenHost string
	// TLSCertFile and TLSKeyFile are the certificate of the MQTTS and WSS listeners.
	TLSCertFile, TLSKeyFile string
	// More are the certificates beside that, by the names of their Secrets; those that are not there are not served.
	More map[string]config.CertificateFiles
	// ClientCAFile and ClientCRLFile are what client certificates are verified by, if the Broker asks for any.
	ClientCAFile, ClientCRLFile string
	// AdminCertFile and AdminKeyFile are the admin API's certificate.
	AdminCertFile, AdminKeyFile string
	// AdminTokensFile has the sums of its tokens. Empty: there are none.
	AdminTokensFile string
	// AuthDir is the folder of the auth bundle, StoreDir that of the store (empty: in memory).
	AuthDir, StoreDir string
	// TracingHeadersFile and TracingCAFile are what the collector of spans is asked with, and verified by, where the Broker names any.
	TracingHeadersFile, TracingCAFile string
	// AuditFile is where the audit log goes. Empty: standard output.
	AuditFile string
	// HealthAddress and AdminAddress are host:port. Empty: not served.
	HealthAddress, AdminAddress string
	// ClientKeyPins are the clients of the admin API, as pki.KeyPin gives them.
	ClientKeyPins []string
}

// PodPaths are the paths inside a broker pod, which the StatefulSet mounts; no pins yet.
func PodPaths() Paths {
	return Paths{
		TLSCertFile: "/etc/dunlin/tls/tls.crt", TLSKeyFile: "/etc/dunlin/tls/tls.key",
		ClientCAFile: "/etc/dunlin/client-ca/ca.crt", ClientCRLFile: "/etc/dunlin/client-crl/ca.crl",
		AdminCertFile: "/etc/dunlin/admin/tls.crt", AdminKeyFile: "/etc/dunlin/admin/tls.key",
		AdminTokensFile:    "/etc/dunlin/admin/tokens",
		TracingHeadersFile: "/etc/dunlin/tracing/headers", TracingCAFile: "/etc/dunlin/tracing/ca.crt",
		AuthDir: "/etc/dunlin/auth", StoreDir: "/var/lib/dunlin",
		HealthAddress: ":8080", AdminAddress: ":8081",
	}
}

// Config is the configuration of the Broker's broker. What the Broker leaves unset stays unset.
func Config(b *v1alpha1.Broker, p Paths) config.Config {
	spec := b.Spec.DeepCopy()
	c := config.Config{
		Authentication: spec.Authentication,
		Authorization:  spec.Authorization,
		AuthFiles:      config.AuthFiles{BundleDir: p.AuthDir},
		MQTT:           spec.MQTT,
		Limits:         spec.Limits,
		Drain:          spec.Drain,
		Store:          config.Store{Dir: p.StoreDir, MaxBytes: storeBytes(b), Durability: spec.Persistence.Durability},
		Admin:          config.Admin{HealthAddress: p.HealthAddress},
		Log:            spec.Log,
		Audit:          config.Audit{AuditSettings: spec.Audit, File: p.AuditFile},
		Tracing:        tracing(spec.Tracing, p),
	}
	for _, l := range spec.Listeners {
		out := config.Listener{ListenerSettings: l.ListenerSettings, Host: p.ListenHost}
		if out.Protocol == "" {
			out.Protocol = config.ProtocolMQTTS
		}
		if out.Protocol.Secure() {
			out.TLS = listenerTLS(spec.TLS, l.TLS, p)
		}
		c.Listeners = append(c.Listeners, out)
	}
	if p.AdminAddress != "" {
		c.Admin.Address = p.AdminAddress
		c.Admin.CertFile, c.Admin.KeyFile = p.AdminCertFile, p.AdminKeyFile
		c.Admin.ClientKeyPins = slices.Clone(p.ClientKeyPins)
		slices.Sort(c.Admin.ClientKeyPins)
		c.Admin.TokensFile, c.Admin.AdminUsers = p.AdminTokensFile, spec.Admin
	}
	return c
}

// tracing is what the Broker says of spans.
func tracing(t v1alpha1.Tracing, p Paths) config.Tracing {
	out := config.Tracing{TracingSettings: t.TracingSettings}
	if t.HeadersSecretName != "" {
		out.HeadersFile = p.TracingHeadersFile
	}
	if t.CASecretName != "" {
		out.CAFile = p.TracingCAFile
	}
	return out
}

// storeBytes is how much of the volume the store may take: a tenth is left for what the file system itself needs. Where a volume is
// a folder of the node's disk, nothing else keeps the broker to its size.
func storeBytes(b *v1alpha1.Broker) int64 {
	size := b.DataSize()
	return size.Value() - size.Value()/10
}

// PodMore are the files of certificates, beside the one of all listeners, that are in the Secret that pods mount, by the names of
// the Secrets that they come from; keys are those of such a one in that Secret.
func PodMore(secretNames []string, keys func(secretName string) (cert, key string)) map[string]config.CertificateFiles {
	dir, out := path.Dir(PodPaths().TLSCertFile), make(map[string]config.CertificateFiles, len(secretNames))
	for _, name := range secretNames {
		cert, key := keys(name)
		out[name] = config.CertificateFiles{CertFile: path.Join(dir, cert), KeyFile: path.Join(dir, key)}
	}
	return out
}

// listenerTLS is what the Broker's t and a listener's own, which may be nil, make of a listener.
func listenerTLS(t v1alpha1.BrokerTLS, own *v1alpha1.ListenerTLS, p Paths) *config.ListenerTLS {
	out := &config.ListenerTLS{CertFile: p.TLSCertFile, KeyFile: p.TLSKeyFile, MinVersion: t.MinVersion}
	if own != nil {
		if files, ok := p.More[own.SecretName]; ok {
			out.CertFile, out.KeyFile = files.CertFile, files.KeyFile
		}
	}
	for _, c := range t.Certificates {
		if files, ok := p.More[c.SecretName]; ok && files.CertFile != out.CertFile {
			out.Certificates = append(out.Certificates, files)
		}
	}
	asks := t.ClientAuth
	if own != nil && own.MinVersion != "" {
		out.MinVersion = own.MinVersion
	}
	if own != nil && own.ClientAuth != "" {
		asks = own.ClientAuth
	}
	if asks.Asks() {
		out.ClientAuth, out.ClientCAFile = asks, p.ClientCAFile
		if t.ClientCRLSecretName != "" || OwnClientCA(t) {
			out.CRLFiles = []string{p.ClientCRLFile}
		}
	}
	return out
}

// OwnClientCA says whether client certificates are asked for that the Broker's own CA issues.
func OwnClientCA(t v1alpha1.BrokerTLS) bool { return t.ClientAuth.Asks() && t.ClientCASecretName == "" }

// UsernameField is what in a client certificate is the user name.
func UsernameField(b *v1alpha1.Broker) config.CertificateField {
	if c := b.Spec.Authentication.ClientCertificate; c != nil {
		return c.UsernameFrom
	}
	return config.CommonName
}

// ConfigYAML is c as the file that the broker loads.
func ConfigYAML(c config.Config) ([]byte, error) {
	data, err := yaml.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode broker configuration: %w", err)
	}
	return data, nil
}
