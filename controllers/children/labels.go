package children

import (
	"maps"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// Selector are the labels by which Services, the budget and the StatefulSet find the pods.
// They can never change: a StatefulSet's selector is immutable.
func Selector(b *v1alpha1.Broker) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":     "dunlin-broker",
		"app.kubernetes.io/instance": b.Name,
	}
}

// Labels are on every child.
func Labels(b *v1alpha1.Broker) map[string]string {
	labels := Selector(b)
	labels["app.kubernetes.io/component"] = "broker"
	labels["app.kubernetes.io/part-of"] = "dunlin"
	labels["app.kubernetes.io/managed-by"] = ManagedBy
	labels[v1alpha1.LabelBroker] = b.Name
	return labels
}

// podLabels are the spec's labels and, where both name one, the operator's.
func podLabels(b *v1alpha1.Broker) map[string]string {
	labels := maps.Clone(b.Spec.PodTemplate.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, Labels(b))
	return labels
}
