package controllers

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

var (
	tlsRoute = schema.GroupVersionKind{Group: children.RouteGroup, Version: "v1alpha3", Kind: "TLSRoute"}
	tcpRoute = schema.GroupVersionKind{Group: children.RouteGroup, Version: "v1alpha2", Kind: "TCPRoute"}
)

// acceptedBy is the status of a route that one Gateway has looked at.
func acceptedBy(gateway, status, reason string) map[string]any {
	return map[string]any{"parents": []any{map[string]any{
		"parentRef": map[string]any{"name": gateway}, "controllerName": "example.com/gateway",
		"conditions": []any{map[string]any{"type": "Accepted", "status": status, "reason": reason, "message": "said the gateway",
			"lastTransitionTime": "2026-01-01T00:00:00Z"}},
	}}}
}

var _ = Describe("routes of the Gateway API", Ordered, func() {
	var ns string
	var b *v1alpha1.Broker
	routed := func() string { return conditionOf(b, v1alpha1.ConditionRouted)() }
	BeforeAll(func() { ns = newNamespace(nil) })

	It("are missed where the cluster has no such kinds, and the Broker is ready without", func() {
		b = newReadyBroker(ns, func(b *v1alpha1.Broker) {
			b.Spec.Listeners = []v1alpha1.ListenerSpec{
				{ListenerSettings: config.ListenerSettings{Name: "mqtts", Protocol: config.ProtocolMQTTS, Port: 8883}, Route: &v1alpha1.ListenerRoute{
					Kind: "TLSRoute", Hostnames: []string{"edge.example.com"}, ParentRefs: []v1alpha1.RouteParent{{Name: "front", Namespace: "net", SectionName: "tls"}},
				}},
				{ListenerSettings: config.ListenerSettings{Name: "mqtt", Protocol: config.ProtocolMQTT, Port: 1883}, Route: &v1alpha1.ListenerRoute{
					Kind: "TCPRoute", ParentRefs: []v1alpha1.RouteParent{{Name: "front", Port: 1883}},
				}, Service: &v1alpha1.ListenerService{Port: 11883}},
			}
		})
		Eventually(routed).Should(Equal("False RouteKindNotFound"))
	})

	It("are there once the kinds are, with the version that the cluster prefers", func() {
		installCRDs("gateway.networking.k8s.io_tlsroutes.yaml", "gateway.networking.k8s.io_tcproutes.yaml")
		change(b, func(b *v1alpha1.Broker) { b.Labels = map[string]string{"wake": "up"} })
		Eventually(routed).Should(Equal("False RouteNotAccepted"))
		Expect(messageOf(b, v1alpha1.ConditionRouted)()).To(ContainSubstring("1 of 1 Gateways have not looked at"))
		tls, err := foreign(tlsRoute, ns, "edge-mqtts")()
		Expect(err).NotTo(HaveOccurred())
		Expect(metav1.IsControlledBy(tls, b)).To(BeTrue())
		spec := tls.Object["spec"].(map[string]any)
		Expect(spec["hostnames"]).To(ConsistOf("edge.example.com"))
		Expect(spec["parentRefs"].([]any)[0]).To(And(HaveKeyWithValue("name", "front"), HaveKeyWithValue("namespace", "net"), HaveKeyWithValue("sectionName", "tls")))
		backend := spec["rules"].([]any)[0].(map[string]any)["backendRefs"].([]any)[0]
		Expect(backend).To(And(HaveKeyWithValue("name", "edge"), HaveKeyWithValue("port", int64(8883))))
		tcp, err := foreign(tcpRoute, ns, "edge-mqtt")()
		Expect(err).NotTo(HaveOccurred())
		backend = tcp.Object["spec"].(map[string]any)["rules"].([]any)[0].(map[string]any)["backendRefs"].([]any)[0]
		Expect(backend).To(And(HaveKeyWithValue("name", "edge-mqtt"), HaveKeyWithValue("port", int64(11883))))
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
	})

	It("are quoted as to what the Gateways say", func() {
		setStatus(foreign(tcpRoute, ns, "edge-mqtt"), acceptedBy("front", "True", "Accepted"))
		setStatus(foreign(tlsRoute, ns, "edge-mqtts"), acceptedBy("front", "False", "NotAllowedByListeners"))
		change(b, func(b *v1alpha1.Broker) { b.Labels = map[string]string{"wake": "again"} })
		Eventually(messageOf(b, v1alpha1.ConditionRouted)).Should(Equal(
			"Gateway front does not serve TLSRoute " + ns + "/edge-mqtts: NotAllowedByListeners: said the gateway"))
		setStatus(foreign(tlsRoute, ns, "edge-mqtts"), acceptedBy("front", "True", "Accepted"))
		change(b, func(b *v1alpha1.Broker) { b.Labels = map[string]string{"wake": "once-more"} })
		Eventually(routed).Should(Equal("True RouteAccepted"))
		count := settled(ns)
		change(b, func(b *v1alpha1.Broker) { b.Labels = map[string]string{"wake": "for-nothing"} })
		Consistently(func() int { return len(writes.in(ns)) }).Should(Equal(count), "what the Gateways default and say is no drift")
	})

	It("go with the listener that asked for them, and the condition with the last", func() {
		change(b, func(b *v1alpha1.Broker) { b.Spec.Listeners = b.Spec.Listeners[:1] })
		Eventually(func() error { _, err := foreign(tcpRoute, ns, "edge-mqtt")(); return err }).Should(MatchError(ContainSubstring("not found")))
		change(b, func(b *v1alpha1.Broker) { b.Spec.Listeners[0].Route = nil })
		Eventually(func() error { _, err := foreign(tlsRoute, ns, "edge-mqtts")(); return err }).Should(MatchError(ContainSubstring("not found")))
		Eventually(routed).Should(BeEmpty())
	})
})
