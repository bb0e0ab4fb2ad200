package controllers

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	dto "github.com/prometheus/client_model/go"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// podMonitorCRD is as much of the Prometheus operator's as the API server needs to keep one.
const podMonitorCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: podmonitors.monitoring.coreos.com}
spec:
  group: monitoring.coreos.com
  scope: Namespaced
  names: {kind: PodMonitor, plural: podmonitors, singular: podmonitor, listKind: PodMonitorList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

var _ = Describe("Monitoring", Ordered, func() {
	var ns string
	var broker *v1alpha1.Broker
	monitor := func() (*unstructured.Unstructured, error) {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(children.PodMonitorKind)
		return u, cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: "edge"}, u)
	}
	set := func(change func(*v1alpha1.Monitoring)) {
		GinkgoHelper()
		Eventually(func() error {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(broker), broker)).To(Succeed())
			change(&broker.Spec.Monitoring)
			return cluster.Update(ctx, broker)
		}).Should(Succeed())
	}

	BeforeAll(func() { ns = newNamespace(nil) })

	It("says that the kind is not there, and the Broker is ready without", func() {
		broker = newReadyBroker(ns, func(b *v1alpha1.Broker) { b.Spec.Monitoring.Enabled = true })
		Eventually(conditionOf(broker, v1alpha1.ConditionMonitored)).Should(Equal("False PodMonitorKindNotFound"))
	})

	It("makes the PodMonitor once the kind is there", func() {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		Expect(yaml.UnmarshalStrict([]byte(podMonitorCRD), crd)).To(Succeed())
		_, err := envtest.InstallCRDs(kubeconfig, envtest.CRDInstallOptions{CRDs: []*apiextensionsv1.CustomResourceDefinition{crd}})
		Expect(err).NotTo(HaveOccurred())
		clock.Advance(kindRecheck)
		set(func(m *v1alpha1.Monitoring) { m.IntervalSeconds = 15 })
		Eventually(conditionOf(broker, v1alpha1.ConditionMonitored)).Should(Equal("True PodMonitorApplied"))
		u, err := monitor()
		Expect(err).NotTo(HaveOccurred())
		endpoints, _, _ := unstructured.NestedSlice(u.Object, "spec", "podMetricsEndpoints")
		Expect(endpoints).To(HaveLen(1))
		Expect(endpoints[0]).To(HaveKeyWithValue("interval", "15s"))
		Expect(u.GetOwnerReferences()).To(HaveLen(1))
		Expect(conditionOf(broker, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
	})

	It("leaves somebody else's PodMonitor alone", func() {
		other := newNamespace(nil)
		theirs := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"mine": true}}}
		theirs.SetGroupVersionKind(children.PodMonitorKind)
		theirs.SetNamespace(other)
		theirs.SetName("edge")
		Expect(cluster.Create(ctx, theirs)).To(Succeed())
		b := newBroker(other, func(b *v1alpha1.Broker) { b.Spec.Monitoring.Enabled = true })
		Eventually(conditionOf(b, v1alpha1.ConditionMonitored)).Should(Equal("False NameConflict"))
		Expect(messageOf(b, v1alpha1.ConditionMonitored)()).To(ContainSubstring("is not the operator's"))
	})

	It("removes the PodMonitor and the condition when it is not wanted any more", func() {
		set(func(m *v1alpha1.Monitoring) { m.Enabled = false })
		Eventually(func() error { _, err := monitor(); return client.IgnoreNotFound(err) }).Should(Succeed())
		Eventually(func() bool { _, err := monitor(); return err != nil }).Should(BeTrue())
		Eventually(conditionOf(broker, v1alpha1.ConditionMonitored)).Should(BeEmpty())
	})
})

var _ = Describe("Metrics", func() {
	// value is that of a gauge, or how many a histogram has; -1: there is none with these labels.
	value := func(name string, labels ...string) float64 {
		GinkgoHelper()
		families, err := measured.Gather()
		Expect(err).NotTo(HaveOccurred())
		for _, f := range families {
			if f.GetName() != name {
				continue
			}
			for _, m := range f.GetMetric() {
				var got []string
				for _, l := range m.GetLabel() {
					got = append(got, l.GetName()+"="+l.GetValue())
				}
				if ok, _ := ConsistOf(labels).Match(got); ok || len(labels)+len(got) == 0 {
					if f.GetType() == dto.MetricType_HISTOGRAM {
						return float64(m.GetHistogram().GetSampleCount())
					}
					return m.GetGauge().GetValue()
				}
			}
		}
		return -1
	}

	It("counts objects by state, times what is applied, and tells when certificates expire", func() {
		ns := newNamespace(nil)
		applied, rendered := max(0, value(infoApply.Name, "kind=User")), value(infoRender.Name)
		broker := newReadyBroker(ns, nil)
		newUser(ns, "lost", func(u *v1alpha1.User) { u.Spec.BrokerRef.Name = "nowhere" })
		brokers.hold(ns, "an older revision") // so that there is something to wait for
		user := newUser(ns, "alice", nil)
		Eventually(conditionOf(user, v1alpha1.ConditionApplied)).Should(Equal("False WaitingForPods"))
		brokers.release(ns)
		Eventually(conditionOf(user, v1alpha1.ConditionReady)).Should(HavePrefix("True"))
		Eventually(func() float64 { return value(infoObjects.Name, "kind=User", "ready=True") }).Should(BeNumerically(">=", 1)) // those of other specs come and go
		Eventually(func() float64 { return value(infoObjects.Name, "kind=User", "ready=False") }).Should(BeNumerically(">=", 1))
		Eventually(func() float64 { return value(infoApply.Name, "kind=User") }).Should(BeNumerically(">", applied))
		Expect(value(infoRender.Name)).To(BeNumerically(">", rendered))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(broker), broker)).To(Succeed())
		Expect(value(infoCertificates.Name, "broker_namespace="+ns, "broker=edge")).To(Equal(float64(broker.Status.CertificateNotAfter.Unix())))
		Expect(time.Until(broker.Status.CertificateNotAfter.Time)).To(BeNumerically(">", 24*time.Hour))
	})
})
