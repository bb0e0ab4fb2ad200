package children

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Pair is a certificate and its private key, PEM.
type Pair struct {
	CertPEM, KeyPEM []byte
}

// CA is the Secret that clients mount: ca.crt and nothing else.
func CA(b *v1alpha1.Broker, caPEM []byte) *coreac.SecretApplyConfiguration {
	return secret(b, CAName(b), corev1.SecretTypeOpaque, map[string][]byte{KeyCA: caPEM})
}

// CAKey is the Secret with the Broker's own CA, certificate and key, and those of the one that comes and the one that
// goes, which may be empty.
func CAKey(b *v1alpha1.Broker, ca, next, previous Pair) *coreac.SecretApplyConfiguration {
	data := pairData(ca, nil)
	for name, p := range map[string]Pair{"next": next, "previous": previous} {
		if len(p.CertPEM) > 0 {
			data[name+".crt"], data[name+".key"] = p.CertPEM, p.KeyPEM
		}
	}
	return secret(b, CAKeyName(b), corev1.SecretTypeTLS, data)
}

// ServerTLS is the Secret that the listeners' certificates are mounted from: the one of all, and more by the names of the
// user's Secrets. caPEM may be empty, when the certificate is the user's own and its Secret has no ca.crt.
func ServerTLS(b *v1alpha1.Broker, p Pair, caPEM []byte, more map[string]Pair) *coreac.SecretApplyConfiguration {
	data := pairData(p, caPEM)
	for name, pair := range more {
		cert, key := MoreKeys(name)
		data[cert], data[key] = pair.CertPEM, pair.KeyPEM
	}
	return secret(b, ServerTLSName(b), corev1.SecretTypeTLS, data)
}

// MoreKeys are the keys, in the Secret of the listeners' certificates, of what a Secret of the user's holds.
func MoreKeys(secretName string) (cert, key string) {
	return "more-" + secretName + ".crt", "more-" + secretName + ".key"
}

// MoreSecrets are the user's Secrets with certificates beside the one of all listeners, each once.
func MoreSecrets(b *v1alpha1.Broker) []string {
	var names []string
	for _, c := range b.Spec.TLS.Certificates {
		names = append(names, c.SecretName)
	}
	for _, l := range b.Spec.Listeners {
		if l.TLS != nil && l.TLS.SecretName != "" {
			names = append(names, l.TLS.SecretName)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// AdminTLS is the Secret that the admin API's certificate, and the sums of its tokens, are mounted from.
func AdminTLS(b *v1alpha1.Broker, p Pair, caPEM, tokens []byte) *coreac.SecretApplyConfiguration {
	data := pairData(p, caPEM)
	data[KeyTokens] = tokens
	return secret(b, AdminTLSName(b), corev1.SecretTypeTLS, data)
}

// AdminTokens is the Secret with what it takes to call the admin API: its tokens, and the CA of its certificate. No pod
// mounts it.
func AdminTokens(b *v1alpha1.Broker, token, readToken string, caPEM []byte) *coreac.SecretApplyConfiguration {
	return secret(b, AdminTokensName(b), corev1.SecretTypeOpaque, map[string][]byte{
		KeyToken: []byte(token), KeyReadToken: []byte(readToken), KeyCA: caPEM,
	})
}

// OperatorTLS is the Secret with which the operator calls the admin API. No pod mounts it.
func OperatorTLS(b *v1alpha1.Broker, p Pair, caPEM []byte) *coreac.SecretApplyConfiguration {
	return secret(b, OperatorTLSName(b), corev1.SecretTypeTLS, pairData(p, caPEM))
}

// ClientCA is the Secret with what client certificates of the own CA are verified by.
func ClientCA(b *v1alpha1.Broker, caPEM, crlPEM []byte) *coreac.SecretApplyConfiguration {
	return secret(b, ClientCAName(b), corev1.SecretTypeOpaque, map[string][]byte{KeyCA: caPEM, KeyCRL: crlPEM})
}

// ClientLedger is the Secret with one shard of the ledger of client certificates.
func ClientLedger(b *v1alpha1.Broker, shard int, ledger []byte) *coreac.SecretApplyConfiguration {
	return secret(b, ClientLedgerName(b, shard), corev1.SecretTypeOpaque, map[string][]byte{KeyLedger: ledger})
}

// Auth is the Secret with the manifest of the auth bundle, and who makes tokens, if any are taken.
func Auth(b *v1alpha1.Broker, manifest, issuer []byte) *coreac.SecretApplyConfiguration {
	data := map[string][]byte{config.BundleManifest: manifest}
	if issuer != nil {
		data[config.BundleIssuer] = issuer
	}
	return secret(b, AuthName(b), corev1.SecretTypeOpaque, data)
}

// AuthShard is the Secret with one shard of the auth bundle, file name -> content.
func AuthShard(b *v1alpha1.Broker, shard int, files map[string][]byte) *coreac.SecretApplyConfiguration {
	return secret(b, AuthShardName(b, shard), corev1.SecretTypeOpaque, files)
}

func secret(b *v1alpha1.Broker, name string, kind corev1.SecretType, data map[string][]byte) *coreac.SecretApplyConfiguration {
	return coreac.Secret(name, b.Namespace).WithLabels(Labels(b)).WithType(kind).WithData(data)
}

func pairData(p Pair, caPEM []byte) map[string][]byte {
	data := map[string][]byte{corev1.TLSCertKey: p.CertPEM, corev1.TLSPrivateKeyKey: p.KeyPEM}
	if len(caPEM) > 0 {
		data[KeyCA] = caPEM
	}
	return data
}
