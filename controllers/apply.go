package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// FieldOwner is the one field manager of everything that the operator applies.
const FieldOwner = "dunlin-operator"

// annotationApplied is a hash of which fields were applied (their paths, never their values): it
// tells a field that the operator no longer wants from one that somebody else has added.
const annotationApplied = "mqtt.dunlin.dev/applied-fields"

// conflictError says that a child's name is taken by an object that the operator must not touch.
type conflictError struct {
	kind, key, why string
	// passing says that the object is on its way out.
	passing bool
}

// Error is written for the condition's reader.
func (e *conflictError) Error() string {
	if e.passing {
		return fmt.Sprintf("%s %s exists and %s: waiting until it is gone", e.kind, e.key, e.why)
	}
	return fmt.Sprintf("%s %s exists and %s: delete or rename it", e.kind, e.key, e.why)
}

// applier is the only writer of children.
type applier struct {
	client.Client
	// live reads past the cache, which holds only labelled Secrets and may lag behind.
	live client.Reader
	// namespaces are those that the operator serves. Empty: all.
	namespaces []string
	// selected remembers the selectors of bundles; nil: it does not.
	selected *selectorCache
}

// serves says whether the operator serves a namespace.
func (a applier) serves(namespace string) bool {
	return len(a.namespaces) == 0 || slices.Contains(a.namespaces, namespace)
}

// apply makes the child that desired describes, owned by owner, and sends nothing if the object in
// the cache already is what it would become. A foreign object of that name is a *conflictError. With
// a resource version, desired was made from that state of the object: if there is a newer one, or the
// object is gone, it is a Conflict.
func (a applier) apply(ctx context.Context, owner client.Object, desired any) error {
	_, err := a.applyReporting(ctx, owner, desired)
	return err
}

// applyReporting is apply, and says whether that changed the object. What an admission policy changes
// back at once has not changed: its resource version is the old one.
func (a applier) applyReporting(ctx context.Context, owner client.Object, desired any) (bool, error) {
	w, err := a.applyNoting(ctx, owner, desired)
	return w.version != w.seen, err
}

// applyNoting is apply, and says in which state it leaves the object.
func (a applier) applyNoting(ctx context.Context, owner client.Object, desired any) (written, error) {
	u, current, same, err := a.compare(ctx, owner, desired)
	if err != nil {
		return written{}, err
	}
	var w written
	if current != nil {
		w.seen = current.GetResourceVersion()
	}
	if same {
		w.version = w.seen
		return w, nil
	}
	if current == nil && u.GetResourceVersion() != "" {
		return w, describe("apply", u, conflict(u, errors.New("it was deleted")))
	}
	w.version, err = a.send(ctx, u, current)
	return w, err
}

// compare is what would be applied, what there is (nil: nothing), and whether the one is the other.
func (a applier) compare(ctx context.Context, owner client.Object, desired any) (u *unstructured.Unstructured, current client.Object, same bool, err error) {
	if u, err = a.desired(owner, desired); err != nil {
		return nil, nil, false, err
	}
	if current, err = a.current(ctx, u); err != nil || current == nil {
		return u, nil, false, err
	}
	if err = mayTouch(owner, current, u.GetKind(), u.GetLabels()[v1alpha1.LabelBroker]); err != nil {
		return u, current, false, err
	}
	same, err = alreadyApplied(u, current)
	return u, current, same, err
}

// send applies desired. Server-side apply leaves what others have put into a list, and may even
// find the sum of theirs and ours invalid (two ports of one name); such lists are then replaced. What
// was made from an object that is gone by now does not bring it back: that is a Conflict. The result is
// the resource version that the object then has.
func (a applier) send(ctx context.Context, desired *unstructured.Unstructured, current client.Object) (string, error) {
	if current != nil {
		desired.SetUID(current.GetUID())
	}
	got := desired.DeepCopy()
	err := a.sendApply(ctx, got)
	have := got.Object
	if apierrors.IsInvalid(err) && current != nil {
		var convertErr error
		if have, convertErr = runtime.DefaultUnstructuredConverter.ToUnstructured(current); convertErr != nil {
			return "", fmt.Errorf("convert %T: %w", current, convertErr)
		}
	} else if err != nil {
		return "", err
	}
	lists, differ := foreignLists(desired.Object, have)
	if !differ {
		return got.GetResourceVersion(), err
	}
	patch, encodeErr := json.Marshal(lists)
	if encodeErr != nil {
		return "", fmt.Errorf("encode the lists of %s: %w", desired.GetName(), encodeErr)
	}
	patched := desired.DeepCopy()
	patchErr := a.Patch(ctx, patched, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldOwner))
	if patchErr != nil || err == nil {
		return patched.GetResourceVersion(), describe("replace the lists of", desired, patchErr)
	}
	again := desired.DeepCopy()
	err = a.sendApply(ctx, again)
	return again.GetResourceVersion(), err
}

func (a applier) sendApply(ctx context.Context, u *unstructured.Unstructured) error {
	err := a.Apply(ctx, client.ApplyConfigurationFromUnstructured(u), client.FieldOwner(FieldOwner), client.ForceOwnership)
	if anotherUID(err) {
		err = conflict(u, err)
	}
	return describe("apply", u, err)
}

// conflict says that u was made from an object that is another one by now.
func conflict(u *unstructured.Unstructured, why error) error {
	return apierrors.NewConflict(schema.GroupResource{Group: u.GroupVersionKind().Group, Resource: u.GetKind()}, u.GetName(), why)
}

// anotherUID says whether an object was refused because it was deleted and made anew since it was read.
func anotherUID(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && status.Status().Details != nil &&
		slices.ContainsFunc(status.Status().Details.Causes, func(c metav1.StatusCause) bool { return c.Field == "metadata.uid" })
}

// describe says what failed on which object; nil stays nil.
func describe(verb string, u *unstructured.Unstructured, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s %s/%s: %w", verb, u.GetKind(), u.GetNamespace(), u.GetName(), err)
}

// remove deletes a child that is no longer wanted, if it exists and is the owner's.
func (a applier) remove(ctx context.Context, owner, child client.Object) error {
	err := a.Get(ctx, client.ObjectKeyFromObject(child), child)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get %T %s/%s: %w", child, child.GetNamespace(), child.GetName(), err)
	}
	return a.removeFound(ctx, owner, child)
}

// foreign reads an object of another project's kind, beside the cache; nil: there is none, be it that there is no such kind.
func (a applier) foreign(ctx context.Context, kind schema.GroupVersionKind, key client.ObjectKey) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(kind)
	err := a.live.Get(ctx, key, u)
	if noSuch(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get %s %s: %w", kind.Kind, key, err)
	}
	return u, nil
}

// removeForeign is remove of a child of another project's kind.
func (a applier) removeForeign(ctx context.Context, owner client.Object, kind schema.GroupVersionKind, key client.ObjectKey) error {
	u, err := a.foreign(ctx, kind, key)
	if u == nil || err != nil {
		return err
	}
	return a.removeFound(ctx, owner, u)
}

// noSuch says whether err is that there is no such object, or no such kind: it may have gone since it was asked for.
func noSuch(err error) bool { return meta.IsNoMatchError(err) || apierrors.IsNotFound(err) }

// removeFound is remove of a child that was just read.
func (a applier) removeFound(ctx context.Context, owner, child client.Object) error {
	if !metav1.IsControlledBy(child, owner) || child.GetDeletionTimestamp() != nil {
		return nil
	}
	uid := child.GetUID()
	err := a.Delete(ctx, child, client.Preconditions{UID: &uid})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete %T %s/%s: %w", child, child.GetNamespace(), child.GetName(), err)
	}
	return nil
}

// desired is the apply configuration with its owner reference and the hash of its fields.
func (a applier) desired(owner client.Object, config any) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", config, err)
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(data); err != nil {
		return nil, fmt.Errorf("decode %T: %w", config, err)
	}
	gvk, err := apiutil.GVKForObject(owner, a.Scheme())
	if err != nil {
		return nil, fmt.Errorf("name the kind of %T: %w", owner, err)
	}
	u.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(owner, gvk)})
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	version := u.GetResourceVersion() // a precondition, not a field
	u.SetResourceVersion("")
	annotations[annotationApplied] = fieldsHash(u.Object)
	u.SetAnnotations(annotations)
	u.SetResourceVersion(version)
	return u, nil
}

// current is the object as it is, or nil. What the cache lacks is looked up live: it may have been
// made a moment ago, or by somebody who did not label it.
func (a applier) current(ctx context.Context, u *unstructured.Unstructured) (client.Object, error) {
	gvk := u.GroupVersionKind()
	readers := []client.Reader{a.Client, a.live}
	if !a.Scheme().Recognizes(gvk) { // another project's kind, which no cache is kept of
		readers = readers[1:]
	}
	obj, err := newObject(a.Scheme(), gvk)
	if err != nil {
		return nil, err
	}
	key := client.ObjectKeyFromObject(u)
	for _, reader := range readers {
		err = reader.Get(ctx, key, obj)
		if !apierrors.IsNotFound(err) {
			break
		}
	}
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("get %s %s: %w", gvk.Kind, key, err)
	}
	return obj, nil
}

// newObject is an empty object of a kind, untyped if the scheme does not know it.
func newObject(scheme *runtime.Scheme, gvk schema.GroupVersionKind) (client.Object, error) {
	if !scheme.Recognizes(gvk) {
		u := &unstructured.Unstructured{}
		u.SetGroupVersionKind(gvk)
		return u, nil
	}
	o, err := scheme.New(gvk)
	if err != nil {
		return nil, fmt.Errorf("make a %s: %w", gvk.Kind, err)
	}
	return o.(client.Object), nil
}

// mayTouch lets the operator write to what it controls, and adopt what carries the owner's label
// but lost its controller (a restored backup, an orphaning delete).
func mayTouch(owner, current client.Object, kind, broker string) error {
	conflict := &conflictError{kind: kind, key: client.ObjectKeyFromObject(current).String()}
	controller := metav1.GetControllerOf(current)
	if controller == nil {
		if current.GetLabels()[v1alpha1.LabelBroker] == broker {
			return nil
		}
		conflict.why = "is not the operator's"
		return conflict
	}
	if controller.UID == owner.GetUID() {
		return nil
	}
	if controller.Name == owner.GetName() && kindOf(owner) == controller.Kind {
		// Its owner was deleted and made anew; the garbage collector has yet to come by.
		conflict.why, conflict.passing = fmt.Sprintf("belongs to a %s of this name that was deleted", controller.Kind), true
		return conflict
	}
	conflict.why = fmt.Sprintf("belongs to %s %s", controller.Kind, controller.Name)
	return conflict
}

// kindOf is the kind of an object that has children.
func kindOf(o client.Object) string {
	switch o.(type) {
	case *v1alpha1.Broker:
		return "Broker"
	case *v1alpha1.User:
		return "User"
	}
	return ""
}
