package children

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// PodMonitorKind is the Prometheus operator's, whose module is not imported for one object.
var PodMonitorKind = schema.GroupVersionKind{Group: "monitoring.coreos.com", Version: "v1", Kind: "PodMonitor"}

// PodMonitorName is the name of the Broker's PodMonitor.
func PodMonitorName(b *v1alpha1.Broker) string { return b.Name }

// PodMonitor has Prometheus scrape the broker's pods. The labels of the spec are for Prometheus to select it by.
func PodMonitor(b *v1alpha1.Broker) *unstructured.Unstructured {
	labels := map[string]any{}
	for _, more := range []map[string]string{b.Spec.Monitoring.Labels, Labels(b)} {
		for name, value := range more {
			labels[name] = value
		}
	}
	selector := map[string]any{}
	for name, value := range Selector(b) {
		selector[name] = value
	}
	endpoint := map[string]any{"portNumber": int64(HealthPort), "path": "/metrics"}
	if every := b.Spec.Monitoring.IntervalSeconds; every > 0 {
		endpoint["interval"] = fmt.Sprintf("%ds", every)
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": PodMonitorName(b), "namespace": b.Namespace, "labels": labels},
		"spec": map[string]any{
			"selector":            map[string]any{"matchLabels": selector},
			"podMetricsEndpoints": []any{endpoint},
		},
	}}
	u.SetGroupVersionKind(PodMonitorKind)
	return u
}
