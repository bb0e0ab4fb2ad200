package controllers

import (
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// manifests are the documents of a YAML file.
func manifests(file string) []*unstructured.Unstructured {
	GinkgoHelper()
	data, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred())
	var out []*unstructured.Unstructured
	for doc := range strings.SplitSeq(string(data), "\n---\n") {
		out = append(out, object("", doc))
	}
	Expect(out).To(HaveLen(3))
	return out
}

// object is a manifest of the API in a namespace, as kubectl would send it.
func object(ns, manifest string) *unstructured.Unstructured {
	GinkgoHelper()
	u := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal([]byte(manifest), &u.Object)).To(Succeed())
	u.SetAPIVersion("mqtt.dunlin.dev/v1alpha1")
	u.SetNamespace(ns)
	return u
}

var _ = Describe("the API server", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	DescribeTable("refuses, with the message that the user reads", func(manifest, message string) {
		err := cluster.Create(ctx, object(ns, manifest), client.FieldValidation("Strict"))
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("a selector of groups",
			`{kind: ACL, metadata: {name: x}, spec: {brokerRef: {name: b}, subjects: [{kind: Group, selector: {}}], rules: [{actions: [Publish], topics: [a]}]}}`,
			"selector is for kind User alone, and in place of name"),
		Entry("a selector and a name",
			`{kind: ACL, metadata: {name: x}, spec: {brokerRef: {name: b}, subjects: [{kind: User, name: a, selector: {}}], rules: [{actions: [Publish], topics: [a]}]}}`,
			"selector is for kind User alone, and in place of name"),
		Entry("a requirement without values",
			`{kind: ACL, metadata: {name: x}, spec: {brokerRef: {name: b}, subjects: [{kind: User, selector: {matchExpressions: [{key: a, operator: In}]}}], rules: [{actions: [Publish], topics: [a]}]}}`,
			"values must be set for In and NotIn, and left out for Exists and DoesNotExist"),
		Entry("two listeners on a port",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1}, {name: b, port: 1}]}}`,
			"two listeners have the same port"),
		Entry("two listeners of a name",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1}, {name: a, port: 2}]}}`,
			"spec.listeners[1]: Duplicate value"),
		Entry("the health port",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 8080}]}}`,
			"ports 8080 and 8081 are the broker's own (health and admin)"),
		Entry("no listener",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: []}}`, "spec.listeners: Invalid value"),
		Entry("a protocol that doesn't exist",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1, protocol: QUIC}]}}`,
			`spec.listeners[0].protocol: Unsupported value: "QUIC": supported values: "MQTT", "MQTTS", "WS", "WSS"`),
		Entry("a path without WebSocket",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1, path: /mqtt}]}}`,
			"path and origins are for WS and WSS only"),
		Entry("a proxy that is no network",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1, proxyProtocol: {trusted: [lb]}}]}}`,
			"spec.listeners[0].proxyProtocol.trusted[0]"),
		Entry("a CA of clients that are not asked",
			`{kind: Broker, metadata: {name: x}, spec: {tls: {clientAuth: None, clientCASecretName: ca}}}`, "clientCASecretName needs clientAuth Request or Require"),
		Entry("a revocation list without a CA",
			`{kind: Broker, metadata: {name: x}, spec: {tls: {clientCRLSecretName: crl}}}`, "clientCRLSecretName needs clientCASecretName"),
		Entry("a certificate from two sides",
			`{kind: Broker, metadata: {name: x}, spec: {tls: {secretName: a, issuerRef: {name: b}}}}`, "set at most one of secretName and issuerRef"),
		Entry("a CA for a collector without TLS",
			`{kind: Broker, metadata: {name: x}, spec: {tracing: {endpoint: "http://otel:4318/v1/traces", caSecretName: a}}}`, "caSecretName needs an endpoint that begins with https://"),
		Entry("a public certificate for no name",
			`{kind: Broker, metadata: {name: x}, spec: {tls: {issuerRef: {name: b, serviceNames: false}}}}`, "issuerRef.serviceNames false needs dnsNames"),
		Entry("a TLSRoute without TLS",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1, protocol: MQTT, route: {kind: TLSRoute, hostnames: [a.b], parentRefs: [{name: g}]}}]}}`,
			"a TLSRoute needs hostnames, and is for MQTTS and WSS only"),
		Entry("a TCPRoute with host names",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1, route: {kind: TCPRoute, hostnames: [a.b], parentRefs: [{name: g}]}}]}}`,
			"a TCPRoute has no hostnames"),
		Entry("a route to nowhere",
			`{kind: Broker, metadata: {name: x}, spec: {service: {enabled: false}, listeners: [{name: a, port: 1, route: {kind: TCPRoute, parentRefs: [{name: g}]}}]}}`,
			"a listener's route needs a Service to lead to"),
		Entry("an enforcement that doesn't exist",
			`{kind: Broker, metadata: {name: x}, spec: {authorization: {enforcement: Warn}}}`, `spec.authorization.enforcement: Unsupported value: "Warn"`),
		Entry("a label that is the operator's",
			`{kind: User, metadata: {name: x}, spec: {brokerRef: {name: b}, secretTemplate: {labels: {mqtt.dunlin.dev/user: bob}}}}`,
			"labels that begin with mqtt.dunlin.dev/ are the operator's"),
		Entry("users by certificates that are not asked for",
			`{kind: Broker, metadata: {name: x}, spec: {authentication: {clientCertificate: {usernameFrom: URI}}}}`,
			"authentication.clientCertificate needs tls.clientAuth Request or Require, and a listener with protocol MQTTS or WSS"),
		Entry("users by certificates on no listener",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1, protocol: MQTT}], tls: {clientAuth: Require, clientCASecretName: ca}, authentication: {clientCertificate: {usernameFrom: URI}}}}`,
			"authentication.clientCertificate needs"),
		Entry("SCRAM keys of a hash",
			`{kind: User, metadata: {name: x}, spec: {brokerRef: {name: b}, authentication: {password: {scram: [SCRAM-SHA-256], passwordHash: h}}}}`,
			"scram needs the password itself"),
		Entry("an unknown authentication method",
			`{kind: Broker, metadata: {name: x}, spec: {authentication: {enhancedMethods: [PLAIN]}}}`, `supported values: "SCRAM-SHA-256", "SCRAM-SHA-512"`),
		Entry("a listener's name that is no label",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: A_b, port: 1}]}}`, "spec.listeners[0].name"),
		Entry("a listener's name without a letter",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: "1883", port: 1883}]}}`,
			"a listener's name has a letter and no two dashes in a row"),
		Entry("a listener's name with two dashes",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a--b, port: 1883}]}}`,
			"a listener's name has a letter and no two dashes in a row"),
		Entry("a Broker's name with a dot", `{kind: Broker, metadata: {name: edge.prod}}`, "a Broker's name begins with a letter and has no dots"),
		Entry("a Broker's name that begins with a digit", `{kind: Broker, metadata: {name: 1edge}}`, "a Broker's name begins with a letter and has no dots"),
		Entry("a DNS name in brackets", `{kind: Broker, metadata: {name: x}, spec: {tls: {dnsNames: ["[::1]"]}}}`, "spec.tls.dnsNames[0]"),
		Entry("a DNS name that ends with a dot", `{kind: Broker, metadata: {name: x}, spec: {tls: {dnsNames: ["mqtt.example.com."]}}}`, "spec.tls.dnsNames[0]"),
		Entry("a DNS name that is not ASCII", `{kind: Broker, metadata: {name: x}, spec: {tls: {dnsNames: ["bücher.example"]}}}`, "spec.tls.dnsNames[0]"),
		Entry("an IPv6 address that is none", `{kind: Broker, metadata: {name: x}, spec: {tls: {dnsNames: ["1:2:3"]}}}`, "a name with a colon must be an IPv6 address"),
		Entry("a certificate for a thousand years", `{kind: Broker, metadata: {name: x}, spec: {tls: {durationSeconds: 31536000000}}}`,
			"spec.tls.durationSeconds: Invalid value: 31536000000: spec.tls.durationSeconds in body should be less than or equal to 315360000"),
		Entry("a load balancer's class of no load balancer",
			`{kind: Broker, metadata: {name: x}, spec: {service: {loadBalancerClass: fast}}}`,
			"loadBalancerClass and loadBalancerSourceRanges are for type LoadBalancer"),
		Entry("a traffic policy of nothing outside",
			`{kind: Broker, metadata: {name: x}, spec: {service: {externalTrafficPolicy: Local}}}`,
			"externalTrafficPolicy is for types NodePort and LoadBalancer"),
		Entry("a node port of nothing outside",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1, service: {nodePort: 30000}}]}}`,
			"nodePort is for types NodePort and LoadBalancer"),
		Entry("a Service of the pods' Service's name",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: pods, port: 1, service: {}}]}}`,
			"a listener named pods can't have a Service"),
		Entry("a listener that asks for certificates of nobody",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1, tls: {clientAuth: Require}}]}}`,
			"a listener's tls.clientAuth Request or Require needs spec.tls.clientAuth"),
		Entry("no listener that asks for certificates",
			`{kind: Broker, metadata: {name: x}, spec: {tls: {clientAuth: Require}, listeners: [{name: a, port: 1, tls: {clientAuth: None}}, {name: b, port: 2, protocol: MQTT}]}}`,
			"tls.clientAuth needs a listener that asks"),
		Entry("TLS of a listener without",
			`{kind: Broker, metadata: {name: x}, spec: {listeners: [{name: a, port: 1, protocol: MQTT, tls: {minVersion: "1.3"}}]}}`,
			"tls is for MQTTS and WSS only"),
		Entry("two replicas",
			`{kind: Broker, metadata: {name: x}, spec: {replicas: 2}}`,
			"replicas above 1 need clustering, which this version does not have: use 1, or 0 to stop the broker"),
		Entry("a long name",
			`{kind: Broker, metadata: {name: a12345678901234567890123456789012345678901}}`,
			"a Broker's name has at most 40 characters, so that its children's names fit"),
		Entry("a field that doesn't exist",
			`{kind: Broker, metadata: {name: x}, spec: {mqtt: {maxPacketSize: 1}}}`, `unknown field "spec.mqtt.maxPacketSize"`),
		Entry("a bound that is exceeded",
			`{kind: Broker, metadata: {name: x}, spec: {mqtt: {maxQoS: 3}}}`, "spec.mqtt.maxQoS"),
		Entry("a volume of nothing", `{kind: Broker, metadata: {name: x}, spec: {persistence: {size: 0}}}`, "size must be above 0"),
		Entry("a policy for volumes that doesn't exist", `{kind: Broker, metadata: {name: x}, spec: {persistence: {whenDeleted: Archive}}}`,
			`spec.persistence.whenDeleted: Unsupported value: "Archive": supported values: "Retain", "Delete"`),
		Entry("a sync mode that doesn't exist",
			`{kind: Broker, metadata: {name: x}, spec: {persistence: {sync: Sometimes}}}`,
			`spec.persistence.sync: Unsupported value: "Sometimes": supported values: "Always", "Interval", "Memory"`),
		Entry("a sync interval of nothing",
			`{kind: Broker, metadata: {name: x}, spec: {persistence: {sync: Interval, syncIntervalMilliseconds: -1}}}`,
			"spec.persistence.syncIntervalMilliseconds"),
		Entry("two sources of a password",
			`{kind: User, metadata: {name: x}, spec: {brokerRef: {name: b}, authentication: {password: {generate: {}, passwordHash: h}}}}`,
			"set at most one of generate, secretRef, passwordHash and disabled"),
		Entry("no way in",
			`{kind: User, metadata: {name: x}, spec: {brokerRef: {name: b}, authentication: {password: {disabled: true}}}}`,
			"password.disabled needs clientCertificate: there would be no way in"),
		Entry("a certificate that is renewed at once",
			`{kind: User, metadata: {name: x}, spec: {brokerRef: {name: b}, authentication: {clientCertificate: {durationSeconds: 3600, renewBeforeSeconds: 1801}}}}`,
			"renewBeforeSeconds is at most half of durationSeconds"),
		Entry("a grace period that never ends",
			`{kind: User, metadata: {name: x}, spec: {brokerRef: {name: b}, authentication: {password: {gracePeriodSeconds: 300, generate: {rotateEverySeconds: 300}}}}}`,
			"gracePeriodSeconds must be less than generate.rotateEverySeconds"),
		Entry("a user name with a colon",
			`{kind: User, metadata: {name: x}, spec: {brokerRef: {name: b}, username: "a:b"}}`, "spec.username"),
		Entry("a user name that begins as a comment",
			`{kind: User, metadata: {name: x}, spec: {brokerRef: {name: b}, username: "#a"}}`,
			"a user name cannot begin with '#', which begins a comment in a password file"),
		Entry("a User's long name",
			`{kind: User, metadata: {name: a123456789012345678901234567890123456789012345678901234567890123}, spec: {brokerRef: {name: b}}}`,
			"a User's name has at most 63 characters, so that a label can hold it"),
		Entry("a User of no Broker", `{kind: User, metadata: {name: x}, spec: {}}`, "spec.brokerRef: Required value"),
		Entry("a subject User without a name",
			`{kind: ACL, metadata: {name: x}, spec: {brokerRef: {name: b}, subjects: [{kind: User}], rules: [{actions: [Publish], topics: [a]}]}}`,
			"name must be set for User, Group, ClientID and ServiceAccount, and left out for Everyone and Anonymous"),
		Entry("a subject Everyone with a name",
			`{kind: ACL, metadata: {name: x}, spec: {brokerRef: {name: b}, subjects: [{kind: Everyone, name: a}], rules: [{actions: [Publish], topics: [a]}]}}`,
			"name must be set for User, Group, ClientID and ServiceAccount, and left out for Everyone and Anonymous"),
		Entry("no rules",
			`{kind: ACL, metadata: {name: x}, spec: {brokerRef: {name: b}, subjects: [{kind: Everyone}], rules: []}}`, "spec.rules"),
		Entry("an action that doesn't exist",
			`{kind: ACL, metadata: {name: x}, spec: {brokerRef: {name: b}, subjects: [{kind: Everyone}], rules: [{actions: [Fly], topics: [a]}]}}`,
			`spec.rules[0].actions[0]: Unsupported value: "Fly"`),
	)

	DescribeTable("refuses a change of", func(manifest string, edit func(*unstructured.Unstructured), message string) {
		u := object(ns, manifest)
		Expect(cluster.Create(ctx, u)).To(Succeed())
		Eventually(func() string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
			edit(u)
			return cluster.Update(ctx, u).Error()
		}).Should(ContainSubstring(message))
	},
		Entry("the volume's size to less", `{kind: Broker, metadata: {name: x}, spec: {persistence: {size: 3Gi}}}`, func(u *unstructured.Unstructured) {
			Expect(unstructured.SetNestedField(u.Object, "2Gi", "spec", "persistence", "size")).To(Succeed())
		}, "spec.persistence.size: Invalid value: spec.persistence.size cannot shrink below the size of the volume"),
		Entry("the volume's size to the default, by leaving it out", `{kind: Broker, metadata: {name: x}, spec: {persistence: {size: 3Gi}}}`,
			func(u *unstructured.Unstructured) {
				unstructured.RemoveNestedField(u.Object, "spec", "persistence")
			}, "cannot shrink below the size of the volume"),
		Entry("the volume's class, which it had none of", `{kind: Broker, metadata: {name: x}}`, func(u *unstructured.Unstructured) {
			Expect(unstructured.SetNestedField(u.Object, "fast", "spec", "persistence", "storageClassName")).To(Succeed())
		}, "spec.persistence: Invalid value: storageClassName cannot be changed after creation"),
		Entry("the volume's class, by leaving persistence out",
			`{kind: Broker, metadata: {name: x}, spec: {persistence: {storageClassName: fast}}}`, func(u *unstructured.Unstructured) {
				unstructured.RemoveNestedField(u.Object, "spec", "persistence")
			}, "spec.persistence: Invalid value: storageClassName cannot be changed after creation"),
		Entry("a User's Broker", `{kind: User, metadata: {name: x}, spec: {brokerRef: {name: b}}}`, func(u *unstructured.Unstructured) {
			Expect(unstructured.SetNestedField(u.Object, "c", "spec", "brokerRef", "name")).To(Succeed())
		}, "brokerRef cannot be changed: delete the object and make it anew"),
		Entry("an ACL's Broker",
			`{kind: ACL, metadata: {name: x}, spec: {brokerRef: {name: b}, subjects: [{kind: Everyone}], rules: [{actions: [Publish], topics: [a]}]}}`,
			func(u *unstructured.Unstructured) {
				Expect(unstructured.SetNestedField(u.Object, "c", "spec", "brokerRef", "name")).To(Succeed())
			}, "brokerRef cannot be changed: delete the object and make it anew"),
	)

	It("lets a Broker's sync mode change, and leaves the rest of its persistence", func() {
		u := object(ns, `{kind: Broker, metadata: {name: x}, spec: {persistence: {size: 3Gi, storageClassName: fast}}}`)
		Expect(cluster.Create(ctx, u)).To(Succeed())
		for _, mode := range []string{"Interval", "Memory", "Always"} {
			Eventually(func() error { // the operator may have changed it meanwhile
				Expect(cluster.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
				Expect(unstructured.SetNestedField(u.Object, mode, "spec", "persistence", "sync")).To(Succeed())
				return cluster.Update(ctx, u)
			}).Should(Succeed())
		}
		Expect(u.Object["spec"].(map[string]any)["persistence"]).To(Equal(map[string]any{
			"size": "3Gi", "whenDeleted": "Retain", "storageClassName": "fast", "sync": "Always", "syncIntervalMilliseconds": int64(100),
		}))
	})

	It("fills in the defaults of an empty Broker", func() {
		u := object(ns, `{kind: Broker, metadata: {name: x}}`)
		Expect(cluster.Create(ctx, u)).To(Succeed())
		spec := u.Object["spec"].(map[string]any)
		Expect(spec).To(HaveKeyWithValue("replicas", BeEquivalentTo(1)))
		Expect(spec["listeners"]).To(Equal([]any{map[string]any{"name": "mqtts", "protocol": "MQTTS", "port": int64(8883)}}))
		Expect(spec["authorization"]).To(Equal(map[string]any{"defaultPolicy": "Deny", "enforcement": "Enforce"}))
		Expect(spec["persistence"]).To(Equal(map[string]any{
			"size": "1Gi", "whenDeleted": "Retain", "sync": "Always", "syncIntervalMilliseconds": int64(100),
		}))
	})

	It("takes every sample as it is", func() {
		files, err := filepath.Glob("../config/samples/*.yaml")
		Expect(err).NotTo(HaveOccurred())
		Expect(len(files)).To(BeNumerically(">=", 5))
		for _, file := range files {
			data, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			brokers := 0
			for doc := range strings.SplitSeq(string(data), "\n---\n") {
				u := &unstructured.Unstructured{}
				Expect(yaml.Unmarshal([]byte(doc), &u.Object)).To(Succeed())
				if u.GetKind() == "Broker" {
					brokers++
				}
				if u.GetKind() != "Namespace" {
					u.SetNamespace(ns)
				}
				Expect(cluster.Create(ctx, u, client.FieldValidation("Strict"), client.DryRunAll)).To(Succeed(), "%s: %s", file, u.GetName())
			}
			Expect(brokers).To(Equal(1), "%s has one Broker", file)
		}
	})

	It("takes the quickstart as it is", func() {
		for _, u := range manifests("../config/samples/quickstart.yaml") {
			u.SetNamespace(ns)
			Expect(cluster.Create(ctx, u, client.FieldValidation("Strict"))).To(Succeed())
		}
		b := &v1alpha1.Broker{}
		b.Namespace, b.Name = ns, "edge"
		startPod(b)
		for _, o := range []client.Object{b, &v1alpha1.User{}, &v1alpha1.ACL{}} {
			o.SetNamespace(ns)
			switch o.(type) {
			case *v1alpha1.User:
				o.SetName("alice")
			case *v1alpha1.ACL:
				o.SetName("sensors")
			}
			Eventually(conditionOf(o, v1alpha1.ConditionReady)).Should(HavePrefix("True"))
		}
	})
})
