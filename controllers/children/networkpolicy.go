package children

import (
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
// health port. The broker opens no connections, so none are allowed.
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
	return networkingac.NetworkPolicy(NetworkPolicyName(b), b.Namespace).
		WithLabels(Labels(b)).
		WithSpec(networkingac.NetworkPolicySpec().
			WithPodSelector(metaac.LabelSelector().WithMatchLabels(Selector(b))).
			WithPolicyTypes(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress).
			WithIngress(clients, operator, monitoring))
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
