package children

import (
	"encoding/json"
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// podResources are the spec's, or the documented default.
func podResources(b *v1alpha1.Broker) corev1.ResourceRequirements {
	if r := b.Spec.PodTemplate.Resources; r != nil {
		return *r
	}
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{
			corev1.ResourceCPU:    resource.MustParse("100m"),
			corev1.ResourceMemory: resource.MustParse("128Mi"),
		},
		Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
	}
}

// goEnv tells the Go runtime the container's limits: memory less a tenth for what the collector
// doesn't see, and whole CPUs. Where there is no limit, nothing is set.
func goEnv(r corev1.ResourceRequirements) []*coreac.EnvVarApplyConfiguration {
	var env []*coreac.EnvVarApplyConfiguration
	if memory, ok := r.Limits[corev1.ResourceMemory]; ok && !memory.IsZero() {
		limit := strconv.FormatInt(memory.Value()/10*9, 10)
		env = append(env, coreac.EnvVar().WithName("GOMEMLIMIT").WithValue(limit))
	}
	if cpu, ok := r.Limits[corev1.ResourceCPU]; ok && !cpu.IsZero() {
		env = append(env, coreac.EnvVar().WithName("GOMAXPROCS").WithValue(strconv.FormatInt(cpu.Value(), 10)))
	}
	return env
}

// applied turns an API value into its apply configuration, which has the same JSON. It can't fail
// for the types that it is called with: both sides are generated from one definition.
func applied[T any](value any) *T {
	data, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("encode %T: %v", value, err))
	}
	var out T
	if err := json.Unmarshal(data, &out); err != nil {
		panic(fmt.Sprintf("decode %T: %v", value, err))
	}
	return &out
}
