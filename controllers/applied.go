package controllers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// bundleView is what a User's or ACL's pass sees of the Broker's auth bundle: the revision that is
// written, the one that every pod has loaded, and the shard that the object is in.
type bundleView struct {
	broker          *v1alpha1.Broker
	written, loaded string
	files           map[string][]byte
	shard           int
	// sums are those of all files of the bundle, by name.
	sums map[string]string
}

// bundle reads the Broker's manifest and one shard from the cache. The two are written, and seen,
// one after the other: a shard that the manifest doesn't vouch for counts as not written yet.
func (a applier) bundle(ctx context.Context, b *v1alpha1.Broker, shard int) (bundleView, error) {
	view := bundleView{broker: b, loaded: b.Status.AuthRevision, shard: shard}
	manifest, err := a.child(ctx, b, children.AuthName(b))
	if err != nil || manifest == nil {
		return view, err
	}
	var m config.Manifest
	if err := json.Unmarshal(manifest.Data[config.BundleManifest], &m); err != nil {
		return view, nil //nolint:nilerr // spoiled by hand: the Broker's pass writes it anew
	}
	secret, err := a.child(ctx, b, children.AuthShardName(b, shard))
	if err != nil {
		return view, err
	}
	var files map[string][]byte
	if secret != nil {
		files = secret.Data
	}
	if vouches(m, files, shard) {
		view.written, view.files, view.sums = m.Revision, files, m.Files
	}
	return view, nil
}

// vouches says whether the manifest has the sums of just these files of the shard.
func vouches(m config.Manifest, files map[string][]byte, shard int) bool {
	for _, format := range []string{config.BundlePasswordsFmt, config.BundleUsersFmt, config.BundleACLsFmt} {
		name := fmt.Sprintf(format, shard)
		content, there := files[name]
		want, named := m.Files[name]
		if there != named {
			return false
		}
		if there && render.Sum(content) != want {
			return false
		}
	}
	return true
}

// child is a Secret of the Broker's from the cache; nil if there is none.
func (a applier) child(ctx context.Context, b *v1alpha1.Broker, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: b.Namespace, Name: name}
	err := a.Get(ctx, key, secret)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get Secret %s: %w", key, err)
	}
	return secret, nil
}

// hasUser says whether the bundle, whose selectors are given, has exactly this account.
func (v bundleView) hasUser(a render.Account, selectors *render.Selectors) bool {
	return render.HasAccount(v.files, a, selectors)
}

// hasUsername says whether the bundle lets anybody in under this name.
func (v bundleView) hasUsername(name string) bool {
	return render.HasUsername(v.files, name)
}

// applied decides the Applied condition. in says that the bundle is as the object wants it; was,
// that just this was already loaded: a newer revision, for others' sake, doesn't unload it.
func (v bundleView) applied(in, was bool) outcome {
	key := keyOf(v.broker)
	switch {
	case !in || v.written == "":
		return no(v1alpha1.ReasonWaitingForBroker, fmt.Sprintf("Broker %s has not taken it up yet", key))
	case was, v.written == v.loaded:
		return yes(v1alpha1.ReasonApplied, fmt.Sprintf("Every pod of Broker %s enforces it", key))
	}
	return no(v1alpha1.ReasonWaitingForPods, fmt.Sprintf("The pods of Broker %s have not loaded it yet", key))
}

// appliedRequeue is when to look again at an object whose Applied condition is o.
func appliedRequeue(o outcome) time.Duration {
	switch {
	case o.status == metav1.ConditionTrue:
		return 0
	case faultRetry(o.reason) > 0:
		return faultRetry(o.reason)
	case stalledReasons[o.reason]:
		return 0
	}
	return appliedRetry
}

// userDigest identifies what of a User the pods have to know. It is a hash over a salted hash, which
// tells nothing of the password.
func userDigest(b *v1alpha1.Broker, a render.Account, selected []string, suspended bool) string {
	groups := slices.Sorted(slices.Values(a.Groups))
	values := []any{b.UID, a.Username, a.PasswordHash, suspended, groups}
	if len(a.ScramKeys) > 0 {
		values = append(values, a.ScramKeys)
	}
	if len(a.Previous) > 0 {
		values = append(values, a.Previous)
	}
	if a.Limits != nil {
		values = append(values, a.Limits)
	}
	if len(selected) > 0 {
		values = append(values, "selectors", selected)
	}
	return digest(values...)
}

// aclDigest identifies what of an ACL the pods have to know.
func aclDigest(b *v1alpha1.Broker, a config.ACL) string { return digest(b.UID, a) }

func digest(values ...any) string {
	data, err := json.Marshal(values)
	if err != nil {
		panic(fmt.Sprintf("encode %v: %v", values, err)) // plain data has no way to fail
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:16])
}

// wasApplied says whether the status already has what the digest identifies as loaded.
func wasApplied(conditions []metav1.Condition, applied, digest string) bool {
	return applied == digest && meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionApplied)
}

// findBroker is the Broker that a User or ACL names; or what is wrong with naming it.
func (a applier) findBroker(ctx context.Context, ref v1alpha1.BrokerRef, namespace string) (*v1alpha1.Broker, *outcome, error) {
	key := brokerKey(ref, namespace)
	if !a.serves(key.Namespace) {
		fault := no(v1alpha1.ReasonNamespaceNotServed, fmt.Sprintf(
			"Broker %s is in a namespace that this operator does not serve: it watches %s", key, strings.Join(a.namespaces, ", ")))
		return nil, &fault, nil
	}
	b := &v1alpha1.Broker{}
	err := a.Get(ctx, key, b)
	if apierrors.IsNotFound(err) {
		fault := brokerNotFound(key)
		return nil, &fault, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("get Broker %s: %w", key, err)
	}
	ok, err := consents(ctx, a, b, namespace)
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		fault := notAllowed(key, namespace)
		return b, &fault, nil
	}
	return b, nil, nil
}
