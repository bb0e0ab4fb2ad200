package controllers

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

var _ = Describe("what clients reach a Broker by", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })
	serviceNames := func() []string {
		var list corev1.ServiceList
		Expect(cluster.List(ctx, &list, client.InNamespace(ns))).To(Succeed())
		var names []string
		for _, s := range list.Items {
			names = append(names, s.Name)
		}
		return names
	}
	listeners := func(b *v1alpha1.Broker) func() []v1alpha1.ListenerStatus {
		return func() []v1alpha1.ListenerStatus {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
			return b.Status.Listeners
		}
	}

	It("is a Service for all, and one for each listener that asks", func() {
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) {
			b.Spec.Listeners = []v1alpha1.ListenerSpec{
				{ListenerSettings: config.ListenerSettings{Name: "mqtts", Protocol: config.ProtocolMQTTS, Port: 8883}},
				{ListenerSettings: config.ListenerSettings{Name: "wss", Protocol: config.ProtocolWSS, Port: 8084}},
			}
			b.Spec.Listeners[1].Service = &v1alpha1.ListenerService{Port: 443, ServiceSettings: v1alpha1.ServiceSettings{
				Type: corev1.ServiceTypeLoadBalancer, LoadBalancerSourceRanges: []string{"192.0.2.0/24"},
				ExternalTrafficPolicy: corev1.ServiceExternalTrafficPolicyLocal, Annotations: map[string]string{"example.com/lb": "yes"},
			}}
		})
		Expect(serviceNames()).To(ConsistOf("edge", "edge-pods", "edge-wss"))
		wss := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "edge-wss", Namespace: ns}}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(wss), wss)).To(Succeed())
		Expect(wss.Spec.Ports).To(HaveLen(1))
		Expect(wss.Spec.Ports[0].Port).To(BeEquivalentTo(443))
		Expect(wss.Spec.ExternalTrafficPolicy).To(Equal(corev1.ServiceExternalTrafficPolicyLocal))
		Expect(wss.Spec.LoadBalancerSourceRanges).To(Equal([]string{"192.0.2.0/24"}))
		Expect(wss.Annotations).To(HaveKeyWithValue("example.com/lb", "yes"))

		wss.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "lb.example.com"}, {IP: "192.0.2.1"}}
		Expect(cluster.Status().Update(ctx, wss)).To(Succeed())
		Eventually(listeners(b)).Should(Equal([]v1alpha1.ListenerStatus{
			{Name: "mqtts", Address: "edge." + ns + ".svc:8883"},
			{Name: "wss", Address: "edge." + ns + ".svc:8084", External: []string{"lb.example.com:443", "192.0.2.1:443"}},
		}))

		change(b, func(b *v1alpha1.Broker) {
			b.Spec.Service.Enabled = new(false)
			b.Spec.Listeners[1].Service = nil
		})
		Eventually(serviceNames).Should(ConsistOf("edge-pods"))
		newUser(ns, "alice", nil)
		Eventually(func() string { return string(secretData(ns, "alice-mqtt")()["uri"]) }).Should(
			Equal("mqtts://edge-pods." + ns + ".svc:8883"))
		change(b, func(b *v1alpha1.Broker) { b.Spec.Service.Enabled = nil })
		Eventually(serviceNames).Should(ConsistOf("edge", "edge-pods"))
	})

	It("is bounded by a network policy that comes and goes", func() {
		b := newReadyBroker(ns, nil)
		policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: ns}}
		get := func() error { return cluster.Get(ctx, client.ObjectKeyFromObject(policy), policy) }
		Expect(client.IgnoreNotFound(get())).To(Succeed())
		Expect(policy.UID).To(BeEmpty())
		change(b, func(b *v1alpha1.Broker) {
			b.Spec.NetworkPolicy = v1alpha1.NetworkPolicySpec{
				Enabled: true, Clients: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"mqtt": "yes"}}}},
			}
		})
		Eventually(get).Should(Succeed())
		Expect(policy.Spec.Ingress).To(HaveLen(3))
		Expect(policy.Spec.Ingress[0].From[0].PodSelector.MatchLabels).To(Equal(map[string]string{"mqtt": "yes"}))
		Expect(policy.Spec.Egress).To(BeEmpty())
		change(b, func(b *v1alpha1.Broker) { b.Spec.NetworkPolicy.Enabled = false })
		Eventually(func() bool { return client.IgnoreNotFound(get()) == nil && get() != nil }).Should(BeTrue())
	})
})
