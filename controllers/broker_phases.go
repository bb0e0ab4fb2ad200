package controllers

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// reconcileConfig writes the broker's configuration file, if a broker would accept it.
func (r *BrokerReconciler) reconcileConfig(ctx context.Context, s *brokerScope) error {
	if selector := s.broker.Spec.AllowedNamespaces; selector != nil {
		if _, err := metav1.LabelSelectorAsSelector(selector); err != nil {
			return &faultError{v1alpha1.ReasonInvalidConfig, fmt.Sprintf("spec.allowedNamespaces: %s", err)}
		}
	}
	c := render.Config(s.broker, s.podPaths())
	if err := c.Validate(); err != nil {
		return &faultError{v1alpha1.ReasonInvalidConfig, fmt.Sprintf("the broker would refuse its configuration: %s", err)}
	}
	var err error
	if s.config, err = render.ConfigYAML(c); err != nil {
		return err
	}
	if s.static, err = render.ConfigYAML(c.Static()); err != nil {
		return err
	}
	_, err = r.applyUnlessPaused(ctx, s, children.Config(s.broker, s.config))
	return err
}

// reconcileStatefulSet keeps the pods. Without a certificate to mount there are none yet: they
// could not start.
func (r *BrokerReconciler) reconcileStatefulSet(ctx context.Context, s *brokerScope) error {
	if !s.certs.mounted {
		return nil
	}
	current, err := r.statefulSet(ctx, s.broker)
	if err != nil {
		return err
	}
	if s.applied, err = r.replaceStatefulSet(ctx, s, current); s.applied || err != nil {
		return err
	}
	s.applied, err = r.applyUnlessPaused(ctx, s, children.StatefulSet(s.broker, s.pod(current)))
	return err
}

// podPaths are where a pod's broker finds its files, and who may call its admin API.
func (s *brokerScope) podPaths() render.Paths {
	p := render.PodPaths()
	p.ClientKeyPins = []string{s.keyPin}
	p.More = render.PodMore(slices.Sorted(maps.Keys(s.certs.more)), children.MoreKeys)
	return p
}

// pod says where the StatefulSet must mount what the configuration speaks of. current may be nil.
func (s *brokerScope) pod(current *appsv1.StatefulSet) children.Pod {
	p := render.PodPaths()
	return children.Pod{
		Image: s.image, Config: s.static, AuthShards: render.Shards, RestartedAt: restartedAt(s.broker, current),
		ClaimSize: s.claimSize(current),
		TLSDir:    path.Dir(p.TLSCertFile), AdminDir: path.Dir(p.AdminCertFile), AuthDir: p.AuthDir, StoreDir: p.StoreDir,
		TracingDir: path.Dir(p.TracingCAFile), ClientCADir: path.Dir(p.ClientCAFile), ClientCRLDir: path.Dir(p.ClientCRLFile),
	}
}

// statefulSet is the Broker's own; nil if there is none.
func (r *BrokerReconciler) statefulSet(ctx context.Context, b *v1alpha1.Broker) (*appsv1.StatefulSet, error) {
	sts := &appsv1.StatefulSet{}
	key := client.ObjectKey{Namespace: b.Namespace, Name: children.StatefulSetName(b)}
	err := r.Get(ctx, key, sts)
	if apierrors.IsNotFound(err) || (err == nil && !metav1.IsControlledBy(sts, b)) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get StatefulSet %s: %w", key, err)
	}
	return sts, nil
}
