package children

import (
	"slices"

	"fmt"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// ManagedBy is the value of app.kubernetes.io/managed-by on every child.
const ManagedBy = "dunlin-operator"

// AdminServerName is the DNS name in the admin API's certificate by which it is verified.
const AdminServerName = "dunlin-admin"

// AdminDNSNames are all DNS names in it: localhost is for who calls through a port-forward.
func AdminDNSNames() []string { return []string{AdminServerName, "localhost"} }

// Keys of the Secrets and the ConfigMap.
const (
	KeyCA     = "ca.crt"
	KeyCRL    = "ca.crl"
	KeyLedger = "ledger.json"
	KeyConfig = "config.yaml"
	KeyTokens = "tokens" // sums
	// KeyHeaders has the headers for a collector of spans.
	KeyHeaders = "headers"

	KeyToken     = "token"      // role Write
	KeyReadToken = "read-token" // role Read
)

// CAName is the Secret with the certificate that clients must trust.
func CAName(b *v1alpha1.Broker) string { return b.Name + "-ca" }

// CAKeyName is the Secret with the Broker's own CA and its key.
func CAKeyName(b *v1alpha1.Broker) string { return b.Name + "-ca-key" }

// ClientCAName is the Secret with what client certificates are verified by: ca.crt and ca.crl.
func ClientCAName(b *v1alpha1.Broker) string { return b.Name + "-client-ca" }

// ClientLedgerName is the Secret with one shard of which client certificates there are. No pod mounts it.
func ClientLedgerName(b *v1alpha1.Broker, shard int) string {
	return fmt.Sprintf("%s%02d", ClientLedgerPrefix(b), shard)
}

// ClientLedgerPrefix begins the names of those Secrets.
func ClientLedgerPrefix(b *v1alpha1.Broker) string { return b.Name + "-client-certs-" }

// ServerTLSName is the Secret with the pair that the listeners serve.
func ServerTLSName(b *v1alpha1.Broker) string { return b.Name + "-server-tls" }

// AdminTLSName is the Secret with the pair that the admin API serves.
func AdminTLSName(b *v1alpha1.Broker) string { return b.Name + "-admin-tls" }

// AdminTokensName is the Secret with the tokens of the admin API.
func AdminTokensName(b *v1alpha1.Broker) string { return b.Name + "-admin" }

// OperatorTLSName is the Secret with the operator's client pair for the admin API.
func OperatorTLSName(b *v1alpha1.Broker) string { return b.Name + "-operator-tls" }

// ConfigName is the ConfigMap with the broker's configuration file.
func ConfigName(b *v1alpha1.Broker) string { return b.Name + "-config" }

// AuthName is the Secret with the manifest of the users and ACLs.
func AuthName(b *v1alpha1.Broker) string { return b.Name + "-auth" }

// AuthShardName is the Secret with one shard of the users and ACLs.
func AuthShardName(b *v1alpha1.Broker, shard int) string {
	return fmt.Sprintf("%s-auth-%02d", b.Name, shard)
}

// StatefulSetName is the StatefulSet, and the name of its client Service and budget too.
func StatefulSetName(b *v1alpha1.Broker) string { return b.Name }

// ServiceName is the Service that clients connect to.
func ServiceName(b *v1alpha1.Broker) string { return b.Name }

// ListenerServiceName is the Service of one listener.
func ListenerServiceName(b *v1alpha1.Broker, l v1alpha1.ListenerSpec) string {
	return b.Name + "-" + l.Name
}

// PodServiceName is the headless Service that gives each pod a DNS name.
func PodServiceName(b *v1alpha1.Broker) string { return b.Name + "-pods" }

// BudgetName is the PodDisruptionBudget.
func BudgetName(b *v1alpha1.Broker) string { return b.Name }

// CertificateName is the Certificate that cert-manager is asked with.
func CertificateName(b *v1alpha1.Broker) string { return b.Name + "-server" }

// IssuedTLSName is the Secret that cert-manager answers in.
func IssuedTLSName(b *v1alpha1.Broker) string { return b.Name + "-issued-tls" }

// NetworkPolicyName is the NetworkPolicy.
func NetworkPolicyName(b *v1alpha1.Broker) string { return b.Name }

// ServerDNSNames are the names that the server certificate must cover: the Services' own, the
// pods' own, localhost for a port-forward, and what the spec adds.
func ServerDNSNames(b *v1alpha1.Broker) []string {
	pods := PodServiceName(b) + "." + b.Namespace + ".svc"
	names := serviceNames(ServiceName(b), b.Namespace)
	for _, l := range b.Spec.Listeners {
		if l.Service != nil {
			names = append(names, serviceNames(ListenerServiceName(b, l), b.Namespace)...)
		}
	}
	if !HasService(b) {
		names = append(names, pods, pods+".cluster.local")
	}
	names = append(names, "*."+pods, "*."+pods+".cluster.local", "localhost")
	return append(names, PublicDNSNames(b)...)
}

// PublicDNSNames are what the spec adds to the server certificate: also IP addresses.
func PublicDNSNames(b *v1alpha1.Broker) []string {
	names := slices.Clone(b.Spec.TLS.DNSNames)
	for _, l := range b.Spec.Listeners {
		if l.Route == nil {
			continue
		}
		for _, name := range l.Route.Hostnames {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func serviceNames(service, namespace string) []string {
	full := service + "." + namespace
	return []string{service, full, full + ".svc", full + ".svc.cluster.local"}
}
