package v1alpha1

import "k8s.io/apimachinery/pkg/api/resource"

// DataSize is the size of each pod's volume; unset is 1 GiB, as in the CRD.
func (b *Broker) DataSize() resource.Quantity {
	if b.Spec.Persistence.Size.IsZero() {
		return resource.MustParse("1Gi")
	}
	return b.Spec.Persistence.Size
}
