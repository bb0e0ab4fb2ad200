package children

import (
	"k8s.io/apimachinery/pkg/util/intstr"
	metaac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyac "k8s.io/client-go/applyconfigurations/policy/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// Budget lets one pod at a time be evicted, so that a node can always be drained.
func Budget(b *v1alpha1.Broker) *policyac.PodDisruptionBudgetApplyConfiguration {
	return policyac.PodDisruptionBudget(BudgetName(b), b.Namespace).
		WithLabels(Labels(b)).
		WithSpec(policyac.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithSelector(metaac.LabelSelector().WithMatchLabels(Selector(b))))
}
