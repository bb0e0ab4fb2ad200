package controllers

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// Watches map a change of one object to the passes that read it. A list that fails is logged: it is
// the cache's, so it fails only while the operator starts or stops.

// watches reads the cache to find who depends on what, and tells auths what has changed for the Brokers that are woken.
type watches struct {
	client.Reader
	auths *authMemos
}

func request(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

func (w watches) users(ctx context.Context, opts ...client.ListOption) []v1alpha1.User {
	var list v1alpha1.UserList
	if err := w.List(ctx, &list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		log.FromContext(ctx).Error(err, "list Users")
	}
	return list.Items
}

func (w watches) acls(ctx context.Context, opts ...client.ListOption) []v1alpha1.ACL {
	var list v1alpha1.ACLList
	if err := w.List(ctx, &list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		log.FromContext(ctx).Error(err, "list ACLs")
	}
	return list.Items
}

func requestsFor[T any, P interface {
	*T
	client.Object
}](items []T) []reconcile.Request {
	out := make([]reconcile.Request, len(items))
	for i := range items {
		o := P(&items[i])
		out[i] = request(o.GetNamespace(), o.GetName())
	}
	return out
}

// brokerOf wakes a Broker for what has changed in one of its shards.
func (w watches) brokerOf(broker types.NamespacedName, shard int) []reconcile.Request {
	var changed shardSet
	changed.add(shard)
	w.auths.change(broker, changed)
	return []reconcile.Request{{NamespacedName: broker}}
}

// brokerOfUser, brokerOfACL: a User or ACL to the Broker that it names.
func (w watches) brokerOfUser(_ context.Context, o client.Object) []reconcile.Request {
	u := o.(*v1alpha1.User)
	return w.brokerOf(brokerKey(u.Spec.BrokerRef, u.Namespace), render.Shard(render.Username(u)))
}

func (w watches) brokerOfACL(_ context.Context, o client.Object) []reconcile.Request {
	a := o.(*v1alpha1.ACL)
	return w.brokerOf(brokerKey(a.Spec.BrokerRef, a.Namespace), render.Shard(render.ACLName(a)))
}

// brokerOfConnection: a connection Secret to the Broker of its User.
func (w watches) brokerOfConnection(ctx context.Context, o client.Object) []reconcile.Request {
	name := o.GetLabels()[v1alpha1.LabelUser]
	user := &v1alpha1.User{}
	if name == "" || w.Get(ctx, client.ObjectKey{Namespace: o.GetNamespace(), Name: name}, user) != nil {
		return nil // no User, no account: the User's own deletion has woken the Broker
	}
	return w.brokerOfUser(ctx, user)
}

// brokerOfPod: a broker pod to its Broker.
func (w watches) brokerOfPod(_ context.Context, o client.Object) []reconcile.Request {
	return []reconcile.Request{request(o.GetNamespace(), o.GetLabels()[v1alpha1.LabelBroker])}
}

// brokerOfClaim: a volume's claim to its Broker.
func (w watches) brokerOfClaim(_ context.Context, o client.Object) []reconcile.Request {
	return []reconcile.Request{request(o.GetNamespace(), o.GetLabels()["app.kubernetes.io/instance"])}
}

// brokersOfNamespace: a namespace to the Brokers that may select it.
func (w watches) brokersOfNamespace(ctx context.Context, _ client.Object) []reconcile.Request {
	var list v1alpha1.BrokerList
	if err := w.List(ctx, &list); err != nil {
		log.FromContext(ctx).Error(err, "list Brokers")
	}
	brokers := slices.DeleteFunc(list.Items, func(b v1alpha1.Broker) bool { return b.Spec.AllowedNamespaces == nil })
	for i := range brokers {
		w.auths.change(keyOf(&brokers[i]), allShards)
	}
	return requestsFor(brokers)
}

// brokersOfSecret: a user-made Secret to the Brokers whose certificate it is.
func (w watches) brokersOfSecret(ctx context.Context, o client.Object) []reconcile.Request {
	var list v1alpha1.BrokerList
	if err := w.List(ctx, &list, client.MatchingFields{indexSecret: client.ObjectKeyFromObject(o).String()}); err != nil {
		log.FromContext(ctx).Error(err, "list Brokers")
	}
	return requestsFor(list.Items)
}

// usersOfSecret: a user-made Secret to the Users whose password it has.
func (w watches) usersOfSecret(ctx context.Context, o client.Object) []reconcile.Request {
	return requestsFor(w.users(ctx, client.MatchingFields{indexSecret: client.ObjectKeyFromObject(o).String()}))
}

// usersOfChild: the Secret that clients trust to the Users of its Broker, whose connection Secrets
// copy it; the auth manifest to those Users that wait to be in it.
func (w watches) usersOfChild(ctx context.Context, o client.Object) []reconcile.Request {
	b := brokerOfChild(o)
	switch o.GetName() {
	case children.CAName(b):
		return w.usersOfBroker(ctx, keyOf(b).String(), false)
	case children.AuthName(b):
		return w.usersOfBroker(ctx, keyOf(b).String(), true)
	}
	if strings.HasPrefix(o.GetName(), children.ClientLedgerPrefix(b)) {
		return w.usersWithoutCertificate(ctx, keyOf(b).String())
	}
	return nil
}

// usersWithoutCertificate are the Users of a Broker that wait for a serial number.
func (w watches) usersWithoutCertificate(ctx context.Context, broker string) []reconcile.Request {
	return requestsFor(w.users(ctx, client.MatchingFields{indexUncertified: broker}))
}

// aclsOfChild: the auth manifest to the ACLs that wait to be in it.
func (w watches) aclsOfChild(ctx context.Context, o client.Object) []reconcile.Request {
	if b := brokerOfChild(o); o.GetName() == children.AuthName(b) {
		return w.aclsOfBroker(ctx, keyOf(b).String(), true)
	}
	return nil
}

// brokerOfChild has the name and namespace of the Broker that a child's label names.
func brokerOfChild(o client.Object) *v1alpha1.Broker {
	b := &v1alpha1.Broker{}
	b.Namespace, b.Name = o.GetNamespace(), o.GetLabels()[v1alpha1.LabelBroker]
	return b
}

// rivals: a User to all Users that claim its name.
func (w watches) rivals(ctx context.Context, o client.Object) []reconcile.Request {
	return requestsFor(w.users(ctx, client.MatchingFields{indexUsername: usernameKey(o.(*v1alpha1.User))}))
}

// usersIn, aclsIn: a namespace to what is in it and may lose or gain a Broker's consent.
func (w watches) usersIn(ctx context.Context, o client.Object) []reconcile.Request {
	users := w.users(ctx, client.InNamespace(o.GetName()))
	return requestsFor(slices.DeleteFunc(users, func(u v1alpha1.User) bool { return u.Spec.BrokerRef.Namespace == "" }))
}

func (w watches) aclsIn(ctx context.Context, o client.Object) []reconcile.Request {
	acls := w.acls(ctx, client.InNamespace(o.GetName()))
	return requestsFor(slices.DeleteFunc(acls, func(a v1alpha1.ACL) bool { return a.Spec.BrokerRef.Namespace == "" }))
}

// usersOfBroker and aclsOfBroker list what names a Broker; waiting: only what isn't applied yet.
func (w watches) usersOfBroker(ctx context.Context, broker string, waiting bool) []reconcile.Request {
	return requestsFor(w.users(ctx, ofBroker(broker, waiting)))
}

func (w watches) aclsOfBroker(ctx context.Context, broker string, waiting bool) []reconcile.Request {
	return requestsFor(w.acls(ctx, ofBroker(broker, waiting)))
}

func ofBroker(broker string, waiting bool) client.ListOption {
	if waiting {
		return client.MatchingFields{indexWaiting: broker}
	}
	return client.MatchingFields{indexBroker: broker}
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// brokerHandler wakes what names a Broker. When the pods have loaded a new revision, only what
// waits for that is woken: of a hundred thousand Users, the one that is new.
func brokerHandler(list func(ctx context.Context, broker string, waiting bool) []reconcile.Request) handler.EventHandler {
	wake := func(ctx context.Context, o client.Object, waiting bool, q queue) {
		for _, r := range list(ctx, client.ObjectKeyFromObject(o).String(), waiting) {
			q.Add(r)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { wake(ctx, e.Object, false, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { wake(ctx, e.Object, false, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, after := e.ObjectOld.(*v1alpha1.Broker), e.ObjectNew.(*v1alpha1.Broker)
			switch {
			case before.Generation != after.Generation || !sameConnection(before, after):
				wake(ctx, after, false, q)
			case before.Status.AuthRevision != after.Status.AuthRevision:
				wake(ctx, after, true, q)
			}
		},
	}
}

// sameConnection says whether a client connects to both states of a Broker alike.
func sameConnection(a, b *v1alpha1.Broker) bool {
	certificates := func(x *v1alpha1.Broker) bool {
		return meta.FindStatusCondition(x.Status.Conditions, v1alpha1.ConditionCertificatesReady) != nil
	}
	return a.Status.CASecretName == b.Status.CASecretName && certificates(a) == certificates(b) &&
		equality.Semantic.DeepEqual(a.Status.Listeners, b.Status.Listeners)
}
