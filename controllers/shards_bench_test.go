package controllers

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// hoard is a client as the operator's is, for reconcileAuth alone: what it reads is in memory and indexed, and what it writes is
// there at once.
type hoard struct {
	client.Client
	scheme  *runtime.Scheme
	users   map[string][]v1alpha1.User // by shardKey
	acls    map[string][]v1alpha1.ACL
	secrets map[types.NamespacedName]*corev1.Secret
	version int
}

func (h *hoard) Scheme() *runtime.Scheme { return h.scheme }

func (h *hoard) Get(_ context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	secret := h.secrets[key]
	if secret == nil {
		return apierrors.NewNotFound(corev1.Resource("secrets"), key.Name)
	}
	var asked client.GetOptions
	if asked.ApplyOptions(opts); asked.UnsafeDisableDeepCopy == nil {
		secret = secret.DeepCopy()
	}
	*o.(*corev1.Secret) = *secret
	return nil
}

func (h *hoard) List(_ context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var asked client.ListOptions
	asked.ApplyOptions(opts)
	by := asked.FieldSelector.Requirements()[0].Value
	switch list := list.(type) {
	case *v1alpha1.UserList:
		list.Items = append(list.Items, h.users[by]...)
	case *v1alpha1.ACLList:
		list.Items = append(list.Items, h.acls[by]...)
	}
	return nil
}

func (h *hoard) Apply(_ context.Context, o runtime.ApplyConfiguration, _ ...client.ApplyOption) error {
	u := o.(interface{ UnstructuredContent() map[string]any })
	secret := &corev1.Secret{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.UnstructuredContent(), secret); err != nil {
		return err
	}
	h.version++
	secret.ResourceVersion = strconv.Itoa(h.version)
	h.secrets[client.ObjectKeyFromObject(secret)] = secret
	unstructured.SetNestedField(u.UnstructuredContent(), secret.ResourceVersion, "metadata", "resourceVersion") //nolint:errcheck // it is an object
	return nil
}

// newHoard is a Broker with so many Users, each with its connection Secret, and a quarter as many ACLs.
func newHoard(users int) (*hoard, *v1alpha1.Broker) {
	scheme, err := Scheme()
	if err != nil {
		panic(err)
	}
	b := &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: "plant", UID: "b", Generation: 1}}
	hash, err := render.PasswordHash("", []byte("of all"), true, rand.Reader)
	if err != nil {
		panic(err)
	}
	h := &hoard{scheme: scheme, users: map[string][]v1alpha1.User{}, acls: map[string][]v1alpha1.ACL{}, secrets: map[types.NamespacedName]*corev1.Secret{}}
	for i := range users {
		u := v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("user-%05d", i), Namespace: b.Namespace, UID: types.UID(fmt.Sprint("u", i)), Generation: 1}}
		u.Spec.BrokerRef.Name = b.Name
		u.Spec.Groups = []string{"sensors"}
		key := shardKey(keyOf(b), render.Shard(u.Name))
		h.users[key] = append(h.users[key], u)
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: connectionSecretName(&u), Namespace: u.Namespace, ResourceVersion: "1"}}
		secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(&u, v1alpha1.GroupVersion.WithKind("User"))}
		secret.Data = map[string][]byte{keyPasswordHash: []byte(hash), "ca.crt": make([]byte, 800), "password": make([]byte, 32)}
		h.secrets[client.ObjectKeyFromObject(secret)] = secret
		if i%4 > 0 {
			continue
		}
		a := v1alpha1.ACL{ObjectMeta: metav1.ObjectMeta{Name: u.Name, Namespace: b.Namespace}}
		a.Spec.Subjects = []config.Subject{{Kind: config.SubjectUser, Name: u.Name}}
		a.Spec.Rules = []config.Rule{{Actions: []config.Action{config.ActionPublish}, Topics: []string{"plant/" + u.Name + "/#"}}}
		key = shardKey(keyOf(b), render.Shard(render.ACLName(&a)))
		h.acls[key] = append(h.acls[key], a)
	}
	return h, b
}

// BenchmarkUserChange is what a Broker's pass does about its users and rules when one User has got another group, and when nothing has
// changed: with what passes before have rendered in mind, and without.
func BenchmarkUserChange(b *testing.B) {
	for _, users := range []int{2000, 20000} {
		for name, auths := range map[string]*authMemos{"remembered": {}, "all": nil} {
			for _, edited := range []bool{true, false} {
				b.Run(fmt.Sprintf("users=%d/%s/edited=%t", users, name, edited), func(b *testing.B) {
					h, broker := newHoard(users)
					measured, err := newInstruments(prometheus.NewRegistry(), h)
					if err != nil {
						b.Fatal(err)
					}
					r := &BrokerReconciler{applier: applier{Client: h, live: h}, auths: auths, metrics: measured}
					pass := func() {
						if err := r.reconcileAuth(b.Context(), &brokerScope{broker: broker, now: time.Unix(1e9, 0)}); err != nil {
							b.Fatal(err)
						}
					}
					pass()
					shard := render.Shard("user-00000")
					for i := 0; b.Loop(); i++ {
						if edited {
							h.users[shardKey(keyOf(broker), shard)][0].Spec.Groups = []string{strconv.Itoa(i)}
							watches{auths: auths}.brokerOf(keyOf(broker), shard)
						}
						pass()
					}
				})
			}
		}
	}
}

// The benchmark measures what it says: one shard is written.
func TestHoard(t *testing.T) {
	h, broker := newHoard(100)
	r := &BrokerReconciler{applier: applier{Client: h, live: h}, auths: &authMemos{}}
	for _, want := range []int{1 + render.Shards, 0} {
		before := h.version
		if err := r.reconcileAuth(t.Context(), &brokerScope{broker: broker, now: time.Unix(1e9, 0)}); err != nil {
			t.Fatal(err)
		}
		if got := h.version - before; got != want {
			t.Errorf("%d writes, want %d", got, want)
		}
	}
	shard := render.Shard("user-00000")
	h.users[shardKey(keyOf(broker), shard)][0].Spec.Groups = nil
	watches{auths: r.auths}.brokerOf(keyOf(broker), shard)
	before := h.secrets[types.NamespacedName{Namespace: "plant", Name: children.AuthShardName(broker, shard)}]
	if err := r.reconcileAuth(t.Context(), &brokerScope{broker: broker, now: time.Unix(1e9, 0)}); err != nil {
		t.Fatal(err)
	}
	if h.secrets[client.ObjectKeyFromObject(before)] == before {
		t.Error("the shard was not written")
	}
}
