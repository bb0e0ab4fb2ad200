package children

import (
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metaac "k8s.io/client-go/applyconfigurations/meta/v1"
	networkingac "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// operatorLabels are on the operator's pods, whatever installed it and in whichever namespace.
var operatorLabels = map[string]string{"app.kubernetes.io/name": "dunlin", "app.kubernetes.io/component": "operator"}

// NetworkPolicy lets clients reach the listeners, the operator the admin port, and monitoring the
// health port. The broker opens no connections but to the collector of spec.tracing, so no others are
// allowed.
func NetworkPolicy(b *v1alpha1.Broker) *networkingac.NetworkPolicyApplyConfiguration {
	p := b.Spec.NetworkPolicy
	clients := networkingac.NetworkPolicyIngressRule().WithFrom(peers(p.Clients)...)
	for _, l := range b.Spec.Listeners {
		clients.WithPorts(policyPort(l.Port))
	}
	operator := networkingac.NetworkPolicyIngressRule().WithPorts(policyPort(AdminPort)).WithFrom(
		networkingac.NetworkPolicyPeer().
			WithNamespaceSelector(metaac.LabelSelector()).
			WithPodSelector(metaac.LabelSelector().WithMatchLabels(operatorLabels)))
	monitoring := networkingac.NetworkPolicyIngressRule().WithPorts(policyPort(HealthPort)).WithFrom(peers(p.Monitoring)...)
	spec := networkingac.NetworkPolicySpec().
		WithPodSelector(metaac.LabelSelector().WithMatchLabels(Selector(b))).
		WithPolicyTypes(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress).
		WithIngress(clients, operator, monitoring)
	if port := tracingPort(b.Spec.Tracing.Endpoint); port != 0 { // and names have to be looked up
		spec.WithEgress(networkingac.NetworkPolicyEgressRule().WithPorts(
			policyPort(port), policyPort(dnsPort), policyPort(dnsPort).WithProtocol(corev1.ProtocolUDP)))
	}
	return networkingac.NetworkPolicy(NetworkPolicyName(b), b.Namespace).WithLabels(Labels(b)).WithSpec(spec)
}

const dnsPort = 53

// tracingPort is where a collector is; 0: there is none.
func tracingPort(endpoint string) int32 {
	at, err := url.Parse(endpoint)
	if err != nil || endpoint == "" {
		return 0
	}
	if port, err := strconv.ParseInt(at.Port(), 10, 32); err == nil {
		return int32(port)
	}
	if at.Scheme == "https" {
		return 443
	}
	return 80
}

func policyPort(port int32) *networkingac.NetworkPolicyPortApplyConfiguration {
	return networkingac.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromInt32(port))
}

func peers(list []networkingv1.NetworkPolicyPeer) []*networkingac.NetworkPolicyPeerApplyConfiguration {
	out := make([]*networkingac.NetworkPolicyPeerApplyConfiguration, len(list))
	for i := range list {
		out[i] = applied[networkingac.NetworkPolicyPeerApplyConfiguration](list[i])
	}
	return out
}
