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
	return clientService(b, ServiceName(b), b.Spec.Service.ServiceSettings, servicePorts(b))
}

// HasService says whether there is a Service for all listeners.
func HasService(b *v1alpha1.Broker) bool {
	return b.Spec.Service.Enabled == nil || *b.Spec.Service.Enabled
}

// ListenerService is the Service of a listener that has one.
func ListenerService(b *v1alpha1.Broker, l v1alpha1.ListenerSpec) *coreac.ServiceApplyConfiguration {
	port := servicePort(l)
	if l.Service.Port != 0 {
		port.WithPort(l.Service.Port)
	}
	if l.Service.NodePort != 0 {
		port.WithNodePort(l.Service.NodePort)
	}
	return clientService(b, ListenerServiceName(b, l), l.Service.ServiceSettings, []*coreac.ServicePortApplyConfiguration{port})
}

func clientService(
	b *v1alpha1.Broker, name string, s v1alpha1.ServiceSettings, ports []*coreac.ServicePortApplyConfiguration,
) *coreac.ServiceApplyConfiguration {
	if s.Type == "" {
		s.Type = corev1.ServiceTypeClusterIP
	}
	spec := coreac.ServiceSpec().WithType(s.Type).WithSelector(Selector(b)).WithPorts(ports...).
		WithLoadBalancerSourceRanges(s.LoadBalancerSourceRanges...)
	if s.LoadBalancerClass != nil {
		spec.WithLoadBalancerClass(*s.LoadBalancerClass)
	}
	if s.ExternalTrafficPolicy != "" {
		spec.WithExternalTrafficPolicy(s.ExternalTrafficPolicy)
	}
	return coreac.Service(name, b.Namespace).WithLabels(Labels(b)).WithAnnotations(s.Annotations).WithSpec(spec)
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
		ports = append(ports, servicePort(l))
	}
	return ports
}

func servicePort(l v1alpha1.ListenerSpec) *coreac.ServicePortApplyConfiguration {
	return coreac.ServicePort().
		WithName(l.Name).
		WithPort(l.Port).
		WithProtocol(corev1.ProtocolTCP).
		WithAppProtocol(appProtocol(l.Protocol)).
		WithTargetPort(intstr.FromString(l.Name))
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
