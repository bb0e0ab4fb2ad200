package children

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	appsac "k8s.io/client-go/applyconfigurations/apps/v1"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"
	metaac "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// annotationConfigHash is on the pods, so that a configuration that has changed in what needs it restarts them.
const annotationConfigHash = "mqtt.dunlin.dev/config-hash"

// dataVolume is the volume claim template's name. It is part of every claim's name and can never change.
const dataVolume = "data"

// Pod is what the StatefulSet must be told of its pods beside the Broker.
type Pod struct {
	// Image is the broker's image.
	Image string
	// Config is the part of the configuration that a running broker does not take: another one restarts the pods.
	Config []byte
	// TLSDir, AdminDir, AuthDir and StoreDir are where the configuration says that the listeners'
	// pair, the admin API's pair, the auth bundle and the store are.
	TLSDir, AdminDir, AuthDir, StoreDir string
	// TracingDir is where it says that the headers and CAs for the collector of spans are.
	TracingDir string
	// ClientCADir and ClientCRLDir are where it says that the CAs of client certificates and their
	// revocation lists are.
	ClientCADir, ClientCRLDir string
	// RestartedAt restarts the pods each time that it is another one. "": it never was.
	RestartedAt string
	// ClaimSize is the size in the claim template, which can't be changed while the StatefulSet lives.
	// nil: the spec's.
	ClaimSize *resource.Quantity
	// AuthShards is how many shards the auth bundle has.
	AuthShards int
}

// StatefulSet runs the broker pods. Users and ACLs are no part of the template, so a change of
// those restarts nothing.
func StatefulSet(b *v1alpha1.Broker, p Pod) *appsac.StatefulSetApplyConfiguration {
	spec := appsac.StatefulSetSpec().
		WithReplicas(Replicas(b)).
		WithServiceName(PodServiceName(b)).
		WithPodManagementPolicy(appsv1.ParallelPodManagement).
		WithUpdateStrategy(appsac.StatefulSetUpdateStrategy().WithType(appsv1.RollingUpdateStatefulSetStrategyType)).
		WithSelector(metaac.LabelSelector().WithMatchLabels(Selector(b))).
		WithTemplate(podTemplate(b, p)).
		WithPersistentVolumeClaimRetentionPolicy(claimRetention(b)).
		WithVolumeClaimTemplates(dataClaim(b, p.ClaimSize))
	return appsac.StatefulSet(StatefulSetName(b), b.Namespace).WithLabels(Labels(b)).WithSpec(spec)
}

// claimRetention says what becomes of the volumes with the StatefulSet. A stopped broker keeps them in any case.
func claimRetention(b *v1alpha1.Broker) *appsac.StatefulSetPersistentVolumeClaimRetentionPolicyApplyConfiguration {
	deleted := appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	if b.Spec.Persistence.WhenDeleted == v1alpha1.VolumeDelete {
		deleted = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	}
	return appsac.StatefulSetPersistentVolumeClaimRetentionPolicy().
		WithWhenDeleted(deleted).
		WithWhenScaled(appsv1.RetainPersistentVolumeClaimRetentionPolicyType)
}

// ClaimName is the claim of a pod of the StatefulSet.
func ClaimName(b *v1alpha1.Broker, ordinal int32) string {
	return fmt.Sprintf("%s-%s-%d", dataVolume, StatefulSetName(b), ordinal)
}

// Replicas is how many pods the spec asks for; unset is 1.
func Replicas(b *v1alpha1.Broker) int32 {
	if b.Spec.Replicas == nil {
		return 1
	}
	return *b.Spec.Replicas
}

func podTemplate(b *v1alpha1.Broker, p Pod) *coreac.PodTemplateSpecApplyConfiguration {
	sum := sha256.Sum256(p.Config)
	annotations := map[string]string{}
	maps.Copy(annotations, b.Spec.PodTemplate.Annotations)
	annotations[annotationConfigHash] = hex.EncodeToString(sum[:])
	if p.RestartedAt != "" {
		annotations[v1alpha1.AnnotationRestartedAt] = p.RestartedAt
	}
	annotations["kubectl.kubernetes.io/default-container"] = containerName
	return coreac.PodTemplateSpec().
		WithLabels(podLabels(b)).
		WithAnnotations(annotations).
		WithSpec(podSpec(b, p))
}

// dataClaim holds only what can't change: the API server refuses any edit of a claim template.
func dataClaim(b *v1alpha1.Broker, size *resource.Quantity) *coreac.PersistentVolumeClaimApplyConfiguration {
	if size == nil {
		size = new(b.DataSize())
	}
	spec := coreac.PersistentVolumeClaimSpec().
		WithAccessModes(corev1.ReadWriteOnce).
		WithResources(coreac.VolumeResourceRequirements().
			WithRequests(corev1.ResourceList{corev1.ResourceStorage: *size}))
	if class := b.Spec.Persistence.StorageClassName; class != nil {
		spec.WithStorageClassName(*class)
	}
	claim := coreac.PersistentVolumeClaim("", "").WithSpec(spec)
	claim.Kind, claim.APIVersion, claim.Namespace = nil, nil, nil
	return claim.WithName(dataVolume)
}
