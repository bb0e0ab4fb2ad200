package controllers

import (
	"fmt"
	"math/rand/v2"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus/testutil"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// remembering is a fresh operator whose passes go by those before, and which is told of changes as its watches would.
type remembering struct {
	*passes
	told  watches
	known map[string]client.Object
}

func newRemembering(namespace string) *remembering {
	p := newPasses(namespace)
	r := p.broker.(*BrokerReconciler)
	r.auths = &authMemos{}
	return &remembering{passes: p, told: watches{r.Client, r.auths}}
}

// rendered is how many shards it has rendered.
func (r *remembering) rendered() int {
	return int(testutil.ToFloat64(r.broker.(*BrokerReconciler).metrics.shards))
}

// tell has the watches see what has changed since the last time.
func (r *remembering) tell() {
	GinkgoHelper()
	now := map[string]client.Object{}
	for _, list := range []client.ObjectList{&v1alpha1.UserList{}, &v1alpha1.ACLList{}, &corev1.SecretList{}} {
		Expect(cluster.List(ctx, list, client.InNamespace(r.namespace))).To(Succeed())
		for _, o := range itemsOf(list) {
			now[string(o.GetUID())] = o
		}
	}
	for uid, o := range r.known {
		if after := now[uid]; after == nil || after.GetResourceVersion() != o.GetResourceVersion() {
			r.see(o)
		}
	}
	for uid, o := range now {
		if before := r.known[uid]; before == nil || before.GetResourceVersion() != o.GetResourceVersion() {
			r.see(o)
		}
	}
	r.known = now
}

func (r *remembering) see(o client.Object) {
	switch o.(type) {
	case *v1alpha1.User:
		r.told.brokerOfUser(ctx, o)
	case *v1alpha1.ACL:
		r.told.brokerOfACL(ctx, o)
	case *corev1.Secret:
		r.told.brokerOfConnection(ctx, o)
	}
}

// settled makes it see and do all that is to be done.
func (r *remembering) settled() {
	GinkgoHelper()
	for range 30 {
		r.tell()
		before := r.tried
		Expect(r.round()).To(Succeed())
		if moved := moveWorld(r.namespace); !moved && r.tried == before {
			return
		}
	}
	Fail(fmt.Sprintf("no end of it: %v", r.written))
}

var _ = Describe("an operator that remembers what it has rendered", Ordered, func() {
	withoutOperator()
	var ns string
	var op *remembering
	// A restart: another one, that begins with nothing, finds nothing to do.
	expectNothingLeft := func() {
		GinkgoHelper()
		fresh := newPasses(ns)
		Expect(fresh.settle()).To(Succeed())
		Expect(fresh.written).To(BeEmpty())
	}
	BeforeEach(func() {
		ns = newNamespace(nil)
		DeferCleanup(abandon, ns)
		newBroker(ns, func(b *v1alpha1.Broker) { b.Spec.TLS.ClientAuth = config.ClientAuthRequest })
		op = newRemembering(ns)
	})

	It("renders one shard for a change of one User, of its Secret, or of one ACL", func() {
		for i := range 10 {
			newUser(ns, fmt.Sprintf("user-%02d", i), nil)
			newACL(ns, fmt.Sprintf("acl-%02d", i), "a/#")
		}
		op.settled()
		before := op.rendered()
		op.settled()
		Expect(op.rendered()-before).To(BeZero(), "nothing has changed")

		for what, edit := range map[string]func(){
			"a User": func() {
				change(named(&v1alpha1.User{}, ns, "user-07"), func(u *v1alpha1.User) { u.Spec.Groups = []string{"g"} })
			},
			"an ACL": func() {
				change(named(&v1alpha1.ACL{}, ns, "acl-07"), func(a *v1alpha1.ACL) { a.Spec.Rules[0].Topics = []string{"b/#"} })
			},
			"a User that goes": func() { Expect(cluster.Delete(ctx, named(&v1alpha1.User{}, ns, "user-08"))).To(Succeed()) },
			"a new User":       func() { newUser(ns, "user-99", nil) },
			"a shard that was edited by hand": func() {
				change(named(&corev1.Secret{}, ns, fmt.Sprintf("edge-auth-%02d", render.Shard("user-07"))), func(s *corev1.Secret) { s.Data = nil })
			},
		} {
			before := op.rendered()
			edit()
			op.tell()
			Expect(op.look()).To(Succeed())
			_, err := op.broker.Reconcile(ctx, requestsFor([]v1alpha1.Broker{{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: ns}}})[0])
			Expect(err).NotTo(HaveOccurred())
			Expect(op.rendered()-before).To(Equal(1), what)
			op.settled()
		}
		expectNothingLeft()
	})

	It("renders all where it cannot go by what it remembers", func() {
		newUser(ns, "alice", nil)
		op.settled()
		b := named(&v1alpha1.Broker{}, ns, "edge")
		for what, edit := range map[string]func(){
			"another spec":               func() { change(b, func(b *v1alpha1.Broker) { b.Spec.Listeners[0].MaxConnections = 5 }) },
			"a namespace that it allows": func() { op.broker.(*BrokerReconciler).auths.change(keyOf(b), allShards) },
			"nothing remembered":         func() { op.broker.(*BrokerReconciler).auths.forget(keyOf(b)) },
		} {
			before := op.rendered()
			edit()
			op.settled()
			Expect(op.rendered()-before).To(Equal(render.Shards), what)
		}
	})

	It("ends where one would that remembers nothing, whatever happens", func() {
		random := rand.New(rand.NewPCG(uint64(GinkgoRandomSeed()), 1)) //nolint:gosec // a test's choices
		name := func() string { return fmt.Sprintf("user-%d", random.IntN(6)) }
		for range 5 {
			for range 1 + random.IntN(4) {
				shake(ns, random.IntN(7), name(), name())
			}
			op.settled()
			expectNothingLeft()
		}
	})
})

// shake does one of some things to a User of that name, some of which need another name.
func shake(ns string, what int, name, other string) {
	GinkgoHelper()
	u := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}}
	if cluster.Get(ctx, client.ObjectKeyFromObject(u), u) != nil {
		newUser(ns, name, func(u *v1alpha1.User) {
			u.Spec.Username = other // which an older one may have
			if what%2 == 0 {
				u.Spec.Authentication.ClientCertificate = &v1alpha1.UserCertificate{}
			}
		})
		return
	}
	switch what {
	case 0:
		Expect(cluster.Delete(ctx, u)).To(Succeed())
	case 1:
		change(u, func(u *v1alpha1.User) { u.Spec.Suspended = !u.Spec.Suspended })
	case 2:
		change(u, func(u *v1alpha1.User) { u.Spec.Username = other })
	case 3:
		change(u, func(u *v1alpha1.User) { u.Spec.Authentication.ClientCertificate = nil })
	case 4:
		change(u, func(u *v1alpha1.User) { u.Spec.Authentication.ClientCertificate = &v1alpha1.UserCertificate{} })
	case 5:
		Expect(client.IgnoreNotFound(cluster.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: connectionSecretName(u), Namespace: ns}}))).To(Succeed())
	case 6:
		ledger := children.ClientLedgerName(&v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "edge"}}, render.Shard(string(u.UID)))
		Expect(client.IgnoreNotFound(cluster.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: ledger, Namespace: ns}}))).To(Succeed())
	}
}
