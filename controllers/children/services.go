package children

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Service is where clients connect: a port for each listener.
func Service(b *v1alpha1.Broker) *coreac.ServiceApplyConfiguration {
	kind := b.Spec.Service.Type
	if kind == "" {
		kind = corev1.ServiceTypeClusterIP
	}
	spec := coreac.ServiceSpec().WithType(kind).WithSelector(Selector(b)).WithPorts(servicePorts(b)...)
	return coreac.Service(ServiceName(b), b.Namespace).
		WithLabels(Labels(b)).
		WithAnnotations(b.Spec.Service.Annotations).
		WithSpec(spec)
}

// PodService gives each pod a DNS name, ready or not.
func PodService(b *v1alpha1.Broker) *coreac.ServiceApplyConfiguration {
	spec := coreac.ServiceSpec().
		WithClusterIP(corev1.ClusterIPNone).
		WithPublishNotReadyAddresses(true).
		WithSelector(Selector(b)).
		WithPorts(servicePorts(b)...)
	return coreac.Service(PodServiceName(b), b.Namespace).WithLabels(Labels(b)).WithSpec(spec)
}

// servicePorts sends each listener's port to the container port of its name.
func servicePorts(b *v1alpha1.Broker) []*coreac.ServicePortApplyConfiguration {
	var ports []*coreac.ServicePortApplyConfiguration
	for _, l := range b.Spec.Listeners {
		ports = append(ports, coreac.ServicePort().
			WithName(l.Name).
			WithPort(l.Port).
			WithProtocol(corev1.ProtocolTCP).
			WithAppProtocol(appProtocol(l.Protocol)).
			WithTargetPort(intstr.FromString(l.Name)))
	}
	return ports
}

// appProtocol is the registered service name, or Kubernetes' own, which meshes and load balancers read.
func appProtocol(p config.Protocol) string {
	switch p {
	case config.ProtocolMQTT:
		return "mqtt"
	case config.ProtocolWS:
		return "kubernetes.io/ws"
	case config.ProtocolWSS:
		return "kubernetes.io/wss"
	}
	return "secure-mqtt"
}
