package children

import (
	coreac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// secretMode lets the pod's group, and nobody else, read a mounted Secret.
const secretMode int32 = 0o440

func mounts(b *v1alpha1.Broker, p Pod) []*coreac.VolumeMountApplyConfiguration {
	out := []*coreac.VolumeMountApplyConfiguration{
		readOnly("config", configDir),
		readOnly("server-tls", p.TLSDir),
		readOnly("admin-tls", p.AdminDir),
		readOnly("auth", p.AuthDir),
		coreac.VolumeMount().WithName(dataVolume).WithMountPath(p.StoreDir),
	}
	ca, crl := clientTrust(b)
	if ca != "" {
		out = append(out, readOnly("client-ca", p.ClientCADir))
	}
	if crl != "" {
		out = append(out, readOnly("client-crl", p.ClientCRLDir))
	}
	if tracingVolume(b) != nil {
		out = append(out, readOnly("tracing", p.TracingDir))
	}
	return out
}

func readOnly(name, dir string) *coreac.VolumeMountApplyConfiguration {
	return coreac.VolumeMount().WithName(name).WithMountPath(dir).WithReadOnly(true)
}

func volumes(b *v1alpha1.Broker, p Pod) []*coreac.VolumeApplyConfiguration {
	out := []*coreac.VolumeApplyConfiguration{
		coreac.Volume().WithName("config").WithConfigMap(coreac.ConfigMapVolumeSource().WithName(ConfigName(b))),
		secretVolume("server-tls", ServerTLSName(b)),
		secretVolume("admin-tls", AdminTLSName(b)),
		authVolume(b, p.AuthShards),
	}
	ca, crl := clientTrust(b)
	if ca != "" {
		out = append(out, keyVolume("client-ca", ca, KeyCA))
	}
	if crl != "" {
		out = append(out, keyVolume("client-crl", crl, KeyCRL))
	}
	if tracing := tracingVolume(b); tracing != nil {
		out = append(out, tracing)
	}
	return out
}

// tracingVolume has what the collector of spans is asked with, and verified by; nil: the Broker names nothing. No pod waits for it: a
// broker serves as well without spans.
func tracingVolume(b *v1alpha1.Broker) *coreac.VolumeApplyConfiguration {
	t := b.Spec.Tracing
	from := coreac.ProjectedVolumeSource().WithDefaultMode(secretMode)
	for _, named := range []struct{ secret, key string }{{t.HeadersSecretName, KeyHeaders}, {t.CASecretName, KeyCA}} {
		if named.secret == "" {
			continue
		}
		from.WithSources(coreac.VolumeProjection().WithSecret(coreac.SecretProjection().WithName(named.secret).WithOptional(true).
			WithItems(coreac.KeyToPath().WithKey(named.key).WithPath(named.key))))
	}
	if len(from.Sources) == 0 {
		return nil
	}
	return coreac.Volume().WithName("tracing").WithProjected(from)
}

// clientTrust are the Secrets with the CAs of clients and with what those have revoked; "": none.
func clientTrust(b *v1alpha1.Broker) (ca, crl string) {
	switch t := b.Spec.TLS; {
	case !t.ClientAuth.Asks():
		return "", ""
	case t.ClientCASecretName == "":
		return ClientCAName(b), ClientCAName(b)
	default:
		return t.ClientCASecretName, t.ClientCRLSecretName
	}
}

// keyVolume mounts one key of a Secret: what else it has, perhaps the CA's own key, is none of the broker's business.
func keyVolume(name, secretName, key string) *coreac.VolumeApplyConfiguration {
	return coreac.Volume().WithName(name).WithSecret(coreac.SecretVolumeSource().WithSecretName(secretName).
		WithDefaultMode(secretMode).WithItems(coreac.KeyToPath().WithKey(key).WithPath(key)))
}

func secretVolume(name, secretName string) *coreac.VolumeApplyConfiguration {
	return coreac.Volume().WithName(name).WithSecret(
		coreac.SecretVolumeSource().WithSecretName(secretName).WithDefaultMode(secretMode))
}

// authVolume projects the manifest and every shard into one folder. All are optional, so that a
// shard can come and go without a new pod.
func authVolume(b *v1alpha1.Broker, shards int) *coreac.VolumeApplyConfiguration {
	projected := coreac.ProjectedVolumeSource().WithDefaultMode(secretMode).WithSources(optional(AuthName(b)))
	for shard := range shards {
		projected.WithSources(optional(AuthShardName(b, shard)))
	}
	return coreac.Volume().WithName("auth").WithProjected(projected)
}

func optional(secretName string) *coreac.VolumeProjectionApplyConfiguration {
	return coreac.VolumeProjection().WithSecret(
		coreac.SecretProjection().WithName(secretName).WithOptional(true))
}
