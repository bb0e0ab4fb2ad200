package children

import (
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// CertificateKind is cert-manager's, whose module is not imported for one object.
var CertificateKind = schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: "Certificate"}

// Certificate asks cert-manager for the server certificate of a Broker that has an issuer, to be renewed, as those of the own CA
// are, after two thirds of its life.
func Certificate(b *v1alpha1.Broker, duration time.Duration) *unstructured.Unstructured {
	ref := b.Spec.TLS.IssuerRef
	spec := map[string]any{
		"secretName":  IssuedTLSName(b),
		"duration":    duration.String(),
		"renewBefore": (duration / 3).Truncate(time.Second).String(),
		"privateKey":  map[string]any{"algorithm": "ECDSA", "size": int64(256), "rotationPolicy": "Always"},
		"usages":      []any{"digital signature", "server auth"},
		"issuerRef":   map[string]any{"name": ref.Name, "kind": ref.Kind, "group": ref.Group},
	}
	names := PublicDNSNames(b)
	if ref.ServiceNames == nil || *ref.ServiceNames {
		names = ServerDNSNames(b)
	}
	var hosts, addresses []any
	for _, name := range names {
		if _, err := netip.ParseAddr(name); err == nil {
			addresses = append(addresses, name)
		} else {
			hosts = append(hosts, name)
		}
	}
	if hosts != nil {
		spec["dnsNames"] = hosts
	}
	if addresses != nil {
		spec["ipAddresses"] = addresses
	}
	return untyped(b, CertificateKind, CertificateName(b), spec)
}

// untyped is a child of another project's kind.
func untyped(b *v1alpha1.Broker, kind schema.GroupVersionKind, name string, spec map[string]any) *unstructured.Unstructured {
	labels := map[string]any{}
	for key, value := range Labels(b) {
		labels[key] = value
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": name, "namespace": b.Namespace, "labels": labels},
		"spec":     spec,
	}}
	u.SetGroupVersionKind(kind)
	return u
}
