package controllers

import (
	"context"
	"encoding/json"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// storage is what a pass found about the volumes.
type storage struct {
	// requested is the largest size that a claim asks for; nil: there is no claim.
	requested *resource.Quantity
	// fault is why a volume can't have the size of the spec; nil: it can.
	fault *outcome
	// growing says which volume is not there yet; "": none.
	growing string
}

// reconcileStorage lets the volumes grow to the size of the spec. They never shrink, not even those of
// a Broker made anew that asks for less than it finds. Where the class doesn't allow it, all else of
// the Broker goes on.
func (r *BrokerReconciler) reconcileStorage(ctx context.Context, s *brokerScope) error {
	claims, err := r.claims(ctx, s.broker)
	if err != nil {
		return err
	}
	for i := range claims {
		if err := r.growClaim(ctx, s, &claims[i]); err != nil {
			return err
		}
	}
	return nil
}

// claims are those of the Broker's pods, of a stopped one's too.
func (r *BrokerReconciler) claims(ctx context.Context, b *v1alpha1.Broker) ([]corev1.PersistentVolumeClaim, error) {
	var claims []corev1.PersistentVolumeClaim
	for ordinal := range max(1, children.Replicas(b)) {
		claim := corev1.PersistentVolumeClaim{}
		key := client.ObjectKey{Namespace: b.Namespace, Name: children.ClaimName(b, ordinal)}
		err := r.Get(ctx, key, &claim)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("get PersistentVolumeClaim %s: %w", key, err)
		}
		if err == nil && claim.DeletionTimestamp == nil {
			claims = append(claims, claim)
		}
	}
	return claims, nil
}

// growClaim asks for more, if the spec does, and notes how far that is.
func (r *BrokerReconciler) growClaim(ctx context.Context, s *brokerScope, claim *corev1.PersistentVolumeClaim) error {
	want, has := s.broker.DataSize(), claim.Spec.Resources.Requests[corev1.ResourceStorage]
	if has.Cmp(want) < 0 {
		if claim.Status.Phase != corev1.ClaimBound {
			s.storage.growing = fmt.Sprintf("Volume %s grows to %s when it has been made", claim.Name, want.String())
		} else if paused(s.broker) {
			s.held = append(s.held, "PersistentVolumeClaim "+claim.Name)
		} else if err := r.request(ctx, claim, want); refused(err) || apierrors.IsInvalid(err) {
			s.storage.fault = new(no(v1alpha1.ReasonVolumeNotExpandable, fmt.Sprintf(
				"spec.persistence.size: volume %s has %s and cannot grow to %s: let its StorageClass allow it (allowVolumeExpansion), or set the size back: %s",
				claim.Name, has.String(), want.String(), err)))
		} else if err != nil {
			return err
		} else {
			log.FromContext(ctx).Info("a volume grows", "claim", claim.Name, "from", has.String(), "to", want.String())
			has = want
		}
	}
	if s.storage.requested == nil || s.storage.requested.Cmp(has) < 0 {
		s.storage.requested = &has
	}
	if capacity, bound := claim.Status.Capacity[corev1.ResourceStorage]; bound && capacity.Cmp(has) < 0 {
		s.storage.growing = fmt.Sprintf("Volume %s grows from %s to %s%s", claim.Name, capacity.String(), has.String(), whatGrowthNeeds(claim))
	}
	return nil
}

// whatGrowthNeeds is what the storage driver says beyond "under way".
func whatGrowthNeeds(claim *corev1.PersistentVolumeClaim) string {
	for _, c := range claim.Status.Conditions {
		switch {
		case c.Status != corev1.ConditionTrue:
		case c.Type == corev1.PersistentVolumeClaimFileSystemResizePending:
			return "; where it does not become larger while it is in use, restart the pods (annotation " + v1alpha1.AnnotationRestartedAt + ")"
		case c.Type == corev1.PersistentVolumeClaimControllerResizeError, c.Type == corev1.PersistentVolumeClaimNodeResizeError:
			return ": " + c.Message
		}
	}
	return ""
}

func (r *BrokerReconciler) request(ctx context.Context, claim *corev1.PersistentVolumeClaim, size resource.Quantity) error {
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"resourceVersion": claim.ResourceVersion},
		"spec":     map[string]any{"resources": map[string]any{"requests": map[string]any{"storage": size.String()}}},
	})
	if err != nil {
		return fmt.Errorf("encode the patch of PersistentVolumeClaim %s: %w", claim.Name, err)
	}
	return r.Patch(ctx, claim.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldOwner))
}

// claimSize is the size that the StatefulSet's claim template must have: the spec's, or while a volume
// can't have that, what it has.
func (s *brokerScope) claimSize(current *appsv1.StatefulSet) *resource.Quantity {
	if size := templateSize(current); size != nil && (s.storage.fault != nil || paused(s.broker)) {
		return size
	}
	return new(s.broker.DataSize())
}

// templateSize is the size in the claim template; nil if there is no StatefulSet.
func templateSize(sts *appsv1.StatefulSet) *resource.Quantity {
	if sts == nil || len(sts.Spec.VolumeClaimTemplates) == 0 {
		return nil
	}
	return new(sts.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests[corev1.ResourceStorage])
}

// replaceStatefulSet deletes the StatefulSet, and nothing else, if its claim template has another size
// than it should: the API server refuses to change that. Its pods run on, and the next StatefulSet of
// the same name adopts them. It says whether the next one has to wait.
func (r *BrokerReconciler) replaceStatefulSet(ctx context.Context, s *brokerScope, current *appsv1.StatefulSet) (waits bool, err error) {
	if current == nil {
		return false, nil
	}
	if current.DeletionTimestamp != nil {
		return true, nil
	}
	if templateSize(current).Cmp(*s.claimSize(current)) == 0 {
		return false, nil
	}
	if owned, err := r.ownsClaims(ctx, s, current); err != nil || owned {
		return owned, err
	}
	log.FromContext(ctx).Info("replacing the StatefulSet, whose pods run on: its claim template has another size")
	err = r.Delete(ctx, current.DeepCopy(), client.PropagationPolicy(metav1.DeletePropagationOrphan),
		client.Preconditions{UID: &current.UID, ResourceVersion: &current.ResourceVersion})
	if client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("delete StatefulSet %s: %w", client.ObjectKeyFromObject(current), err)
	}
	return true, nil
}

// ownsClaims says whether a volume might go with the StatefulSet, as whenDeleted: Delete has it. If so,
// it takes that back first, and the claims wake the next pass: the garbage collector, should it not
// have heard of a claim's owner when it orphans, would delete the data afterwards.
func (r *BrokerReconciler) ownsClaims(ctx context.Context, s *brokerScope, current *appsv1.StatefulSet) (bool, error) {
	policy := current.Spec.PersistentVolumeClaimRetentionPolicy
	if policy != nil && policy.WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
		patch := []byte(`{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain"}}}`)
		err := r.Patch(ctx, current.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldOwner))
		if err != nil {
			return false, fmt.Errorf("let StatefulSet %s leave its volumes: %w", client.ObjectKeyFromObject(current), err)
		}
		return true, nil
	}
	if current.Status.ObservedGeneration != current.Generation {
		return true, nil
	}
	for ordinal := range max(1, children.Replicas(s.broker)) {
		claim := &corev1.PersistentVolumeClaim{}
		key := client.ObjectKey{Namespace: current.Namespace, Name: children.ClaimName(s.broker, ordinal)}
		if err := r.live.Get(ctx, key, claim); client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("get PersistentVolumeClaim %s: %w", key, err)
		}
		for _, owner := range claim.OwnerReferences {
			if owner.UID == current.UID {
				return true, nil
			}
		}
	}
	return false, nil
}
