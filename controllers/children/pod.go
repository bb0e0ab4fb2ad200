package children

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"
	metaac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

const (
	containerName = "broker"
	// brokerUID is the user and group of the broker; nobody else's in the image.
	brokerUID int64 = 65532
	// closingSeconds is how long a broker may take when it has drained: its last connections end, its
	// store is synced.
	closingSeconds int64 = 20
	// drainSeconds is the default of spec.drain.timeoutSeconds.
	drainSeconds int64 = 20
)

// Ports that the broker serves beside its listeners.
const (
	HealthPort int32 = 8080
	AdminPort  int32 = 8081
)

// configDir is where the ConfigMap is mounted.
const configDir = "/etc/dunlin/config"

func podSpec(b *v1alpha1.Broker, p Pod) *coreac.PodSpecApplyConfiguration {
	t := b.Spec.PodTemplate
	spec := coreac.PodSpec().
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(gracePeriodSeconds(b)).
		WithSecurityContext(podSecurity(b)).
		WithContainers(container(b, p)).
		WithVolumes(volumes(b, p)...).
		WithTopologySpreadConstraints(
			spread(b, corev1.LabelHostname), spread(b, corev1.LabelTopologyZone)).
		WithNodeSelector(t.NodeSelector)
	for i := range t.Tolerations {
		spec.WithTolerations(applied[coreac.TolerationApplyConfiguration](t.Tolerations[i]))
	}
	for _, s := range t.ImagePullSecrets {
		spec.WithImagePullSecrets(coreac.LocalObjectReference().WithName(s.Name))
	}
	if t.Affinity != nil {
		spec.WithAffinity(applied[coreac.AffinityApplyConfiguration](t.Affinity))
	}
	if t.PriorityClassName != "" {
		spec.WithPriorityClassName(t.PriorityClassName)
	}
	return spec
}

// gracePeriodSeconds is how long a pod has to stop: the spec's, or what its drain may take.
func gracePeriodSeconds(b *v1alpha1.Broker) int64 {
	switch seconds, drain := b.Spec.PodTemplate.TerminationGracePeriodSeconds, int64(b.Spec.Drain.TimeoutSeconds); {
	case seconds != nil:
		return *seconds
	case drain == 0:
		return drainSeconds + closingSeconds
	default:
		return drain + closingSeconds
	}
}

// podSecurity is the restricted pod security standard; a listener below port 1024 needs no more
// than one sysctl that Kubernetes holds to be safe.
func podSecurity(b *v1alpha1.Broker) *coreac.PodSecurityContextApplyConfiguration {
	security := coreac.PodSecurityContext().
		WithRunAsNonRoot(true).
		WithRunAsUser(brokerUID).
		WithRunAsGroup(brokerUID).
		WithFSGroup(brokerUID).
		WithFSGroupChangePolicy(corev1.FSGroupChangeOnRootMismatch).
		WithSeccompProfile(coreac.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
	for _, l := range b.Spec.Listeners {
		if l.Port < 1024 {
			return security.WithSysctls(coreac.Sysctl().WithName("net.ipv4.ip_unprivileged_port_start").WithValue("0"))
		}
	}
	return security
}

func container(b *v1alpha1.Broker, p Pod) *coreac.ContainerApplyConfiguration {
	resources := podResources(b)
	c := coreac.Container().
		WithName(containerName).
		WithImage(p.Image).
		WithArgs("--config", path.Join(configDir, KeyConfig)).
		WithEnv(goEnv(resources)...).
		WithResources(applied[coreac.ResourceRequirementsApplyConfiguration](resources)).
		WithVolumeMounts(mounts(b, p)...).
		WithStartupProbe(probe("/healthz", 1, 300)).
		WithReadinessProbe(probe("/readyz", 2, 2)).
		WithLivenessProbe(probe("/healthz", 10, 3)).
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithSecurityContext(coreac.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithRunAsNonRoot(true).
			WithCapabilities(coreac.Capabilities().WithDrop("ALL")))
	for _, l := range b.Spec.Listeners {
		c.WithPorts(coreac.ContainerPort().WithName(l.Name).WithContainerPort(l.Port).WithProtocol(corev1.ProtocolTCP))
	}
	// For Prometheus, which only finds ports that are declared. No name: a listener might have it.
	c.WithPorts(coreac.ContainerPort().WithContainerPort(HealthPort).WithProtocol(corev1.ProtocolTCP))
	if b.Spec.ImagePullPolicy != "" {
		c.WithImagePullPolicy(b.Spec.ImagePullPolicy)
	}
	return c
}

// probe asks the health port. The startup probe's 300 tries give the store five minutes to replay.
func probe(path string, periodSeconds, failures int32) *coreac.ProbeApplyConfiguration {
	return coreac.Probe().
		WithHTTPGet(coreac.HTTPGetAction().WithPath(path).WithPort(intstr.FromInt32(HealthPort))).
		WithPeriodSeconds(periodSeconds).
		WithTimeoutSeconds(2).
		WithFailureThreshold(failures)
}

// spread prefers to put pods on different nodes and zones, and never keeps one from running.
func spread(b *v1alpha1.Broker, key string) *coreac.TopologySpreadConstraintApplyConfiguration {
	return coreac.TopologySpreadConstraint().
		WithTopologyKey(key).
		WithMaxSkew(1).
		WithWhenUnsatisfiable(corev1.ScheduleAnyway).
		WithLabelSelector(metaac.LabelSelector().WithMatchLabels(Selector(b)))
}
