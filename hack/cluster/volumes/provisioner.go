// Package volumes makes a folder on the node for each PersistentVolumeClaim and
// removes it when its volume is released: what a cloud's storage driver does.
// The volumes are of kind `local`, because the kubelet gives such a volume to a
// pod's fsGroup; on `hostPath` it does not, and non-root pods could not write.
// It never enforces a size. Called by the node command; never part of the product.
package volumes

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// DriverName is the `provisioner` of the StorageClass in manifests/system.yaml.
const DriverName = "dunlin.dev/local"

// provisioner implements controller.Provisioner on one node.
type provisioner struct {
	root string // folder that holds one folder a volume
	node string // the only node that has root
}

// Provision makes the folder <root>/<volume name> and describes it as a volume.
func (p *provisioner) Provision(_ context.Context, options controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	dir := filepath.Join(p.root, options.PVName)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("make volume %s: %w", options.PVName, err)
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			Capacity:                      options.PVC.Spec.Resources.Requests,
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				Local: &corev1.LocalVolumeSource{Path: dir},
			},
			NodeAffinity: onlyOn(p.node),
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes the folder of a released volume.
func (p *provisioner) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	if err := os.RemoveAll(filepath.Join(p.root, volume.Name)); err != nil {
		return fmt.Errorf("remove volume %s: %w", volume.Name, err)
	}
	return nil
}

func onlyOn(node string) *corev1.VolumeNodeAffinity {
	return &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key:      corev1.LabelHostname,
				Operator: corev1.NodeSelectorOpIn,
				Values:   []string{node},
			}},
		}},
	}}
}
