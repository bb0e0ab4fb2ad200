package controllers

import (
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// A journey is something that users ask for and that takes the operator many writes.
type journey struct {
	// begin is what there is before; ask is what is then asked for.
	begin, ask func(ns string)
}

// fleet has one of everything that the operator keeps for a Broker.
func fleet(ns string) {
	GinkgoHelper()
	newBroker(ns, func(b *v1alpha1.Broker) {
		mutual(b)
		b.Spec.Listeners[0].Service = &v1alpha1.ListenerService{}
		b.Spec.NetworkPolicy.Enabled = true
	})
	for _, name := range []string{"alice", "bob"} {
		newUser(ns, name, func(u *v1alpha1.User) {
			withCertificate(u)
			u.Spec.Authentication.Password.GracePeriodSeconds = 3600
			u.Spec.Authentication.Password.Scram = []config.EnhancedMethod{config.ScramSHA256}
		})
	}
	newACL(ns, "rules", "a/#")
}

// grown is a Broker with a bound volume that may grow.
func grown(ns string) {
	GinkgoHelper()
	yes := true
	class := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "class-"}, Provisioner: "example.com/none", AllowVolumeExpansion: &yes,
	}
	Expect(cluster.Create(ctx, class)).To(Succeed())
	newBroker(ns, func(b *v1alpha1.Broker) { b.Spec.Persistence.StorageClassName = &class.Name })
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data-edge-0", Namespace: ns, Labels: map[string]string{
		"app.kubernetes.io/name": "dunlin-broker", "app.kubernetes.io/instance": "edge",
	}}}
	claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	claim.Spec.StorageClassName, claim.Spec.VolumeName = &class.Name, "a-volume"
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	claim.Spec.Resources.Requests = size
	Expect(cluster.Create(ctx, claim)).To(Succeed())
	claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: size, AccessModes: claim.Spec.AccessModes}
	Expect(cluster.Status().Update(ctx, claim)).To(Succeed())
}

// journeys are what the operator is killed in the midst of.
var journeys = map[string]journey{
	"the creation of everything": {begin: func(string) {}, ask: fleet},
	"many changes at once": {begin: fleet, ask: func(ns string) {
		change(named(&v1alpha1.Broker{}, ns, "edge"), func(b *v1alpha1.Broker) {
			b.Annotations = map[string]string{v1alpha1.AnnotationRotateCA: "1", v1alpha1.AnnotationRestartedAt: "now"}
			b.Spec.Listeners[0].Service = nil
			b.Spec.NetworkPolicy.Enabled = false
			b.Spec.Limits.MaxConnections = 7
		})
		change(named(&v1alpha1.User{}, ns, "alice"), func(u *v1alpha1.User) {
			u.Annotations = map[string]string{v1alpha1.AnnotationRotatePassword: "1", v1alpha1.AnnotationForceRenew: "1"}
		})
		Expect(cluster.Delete(ctx, named(&v1alpha1.User{}, ns, "bob"))).To(Succeed())
		// The garbage collector's work.
		Expect(cluster.Delete(ctx, named(&corev1.Secret{}, ns, "bob-mqtt"))).To(Succeed())
		change(named(&v1alpha1.ACL{}, ns, "rules"), func(a *v1alpha1.ACL) { a.Spec.Rules[0].Topics = []string{"b/#"} })
	}},
	"a volume that grows": {begin: grown, ask: func(ns string) {
		change(named(&v1alpha1.Broker{}, ns, "edge"), func(b *v1alpha1.Broker) { b.Spec.Persistence.Size = resource.MustParse("2Gi") })
	}},
}

func named[T client.Object](o T, ns, name string) T {
	o.SetNamespace(ns)
	o.SetName(name)
	return o
}

// prepared is a namespace in which a journey can begin.
func (j journey) prepared() (ns string) {
	GinkgoHelper()
	ns = newNamespace(nil)
	DeferCleanup(abandon, ns)
	j.begin(ns)
	Expect(newPasses(ns).settle()).To(Succeed())
	return ns
}

// ending is where a journey ends that nothing happens to, and the writes that it takes.
type ending struct {
	portrait string
	writes   []string
}

var endings = map[string]ending{}

// undisturbed makes a journey that nothing happens to, once.
func undisturbed(name string) ending {
	GinkgoHelper()
	if end, ok := endings[name]; ok {
		return end
	}
	j := journeys[name]
	ns := j.prepared()
	j.ask(ns)
	operator := newPasses(ns)
	Expect(operator.settle()).To(Succeed())
	Expect(len(operator.written)).To(BeNumerically(">", 4))
	AddReportEntry("writes", strings.Join(operator.written, "\n"))
	endings[name] = ending{portrait(ns), operator.written}
	return endings[name]
}

// What a killed operator leaves behind is the state after its last write and nothing of what it knew, so to end before a write
// is to end after the one before it.
var _ = Describe("an operator that is killed", Ordered, ContinueOnFailure, func() {
	withoutOperator()

	// Whoever comes after a kill ends where it would have itself: from each state that the writes lead through, the rest of
	// them does, each by an operator of its own.
	DescribeTable("after every write is followed by others that end where it would have, and do nothing twice", func(name string) {
		j := journeys[name]
		want := undisturbed(name)
		ns := j.prepared()
		before := secretsIn(ns)
		j.ask(ns)
		for kills := 0; ; kills++ {
			Expect(kills).To(BeNumerically("<=", 2*len(want.writes)), "no end of it")
			left := secretsIn(ns)
			operator := newPasses(ns).killAfter(1)
			err := operator.settle()
			Expect(madeTwice(before, left, secretsIn(ns))).To(BeEmpty(), "after %d writes, then %v", kills, operator.written)
			if err == nil {
				break
			}
			Expect(err).To(MatchError(errKilled))
		}
		Expect(portrait(ns)).To(Equal(want.portrait))
		vouch(ns)
	},
		Entry("of the creation of everything", "the creation of everything"),
		Entry("of many changes at once", "many changes at once"),
		Entry("of a volume's growth", "a volume that grows"),
	)

	// The same with one kill a run, and one operator that does all the rest: minutes, so `make faults` asks for it.
	DescribeTable("once, after any write, is followed by one that ends where it would have", func(name string) {
		if os.Getenv("DUNLIN_FAULTS") != "all" {
			Skip("DUNLIN_FAULTS is not all")
		}
		j := journeys[name]
		want := undisturbed(name)
		for n := range len(want.writes) {
			By(fmt.Sprintf("killed after %d writes", n))
			ns := j.prepared()
			before := secretsIn(ns)
			j.ask(ns)
			killed := newPasses(ns).killAfter(n)
			Expect(killed.settle()).To(MatchError(errKilled))
			left := secretsIn(ns)
			Expect(newPasses(ns).settle()).To(Succeed(), "after %v", killed.written)
			Expect(portrait(ns)).To(Equal(want.portrait), "after %v", killed.written)
			Expect(madeTwice(before, left, secretsIn(ns))).To(BeEmpty(), "after %v", killed.written)
			vouch(ns)
		}
	},
		Entry("of the creation of everything", "the creation of everything"),
		Entry("of many changes at once", "many changes at once"),
		Entry("of a volume's growth", "a volume that grows"),
	)
})

var _ = Describe("an operator that is unlucky", Ordered, ContinueOnFailure, func() {
	withoutOperator()

	DescribeTable("with its writes ends where it would have, and does nothing twice", func(name string, before, after func(n int) error) {
		j := journeys[name]
		want := undisturbed(name)
		ns := j.prepared()
		first := secretsIn(ns)
		j.ask(ns)
		unlucky := newPasses(ns)
		unlucky.before, unlucky.after = before, after
		left := secretsIn(ns)
		for tries := 0; unlucky.settle() != nil; tries++ {
			Expect(tries).To(BeNumerically("<", 100), "no end of it")
			now := secretsIn(ns)
			Expect(madeTwice(first, left, now)).To(BeEmpty())
			left = now
		}
		Expect(portrait(ns)).To(Equal(want.portrait))
		vouch(ns)
	},
		Entry("of which every other is refused for the moment", "many changes at once", everyOther(apierrors.NewTooManyRequests("later", 1)), nil),
		Entry("of which every other meets somebody else's", "many changes at once", everyOther(
			apierrors.NewConflict(schema.GroupResource{Resource: "things"}, "edge", errors.New("it has changed"))), nil),
		Entry("of which every other is done and its answer lost", "the creation of everything", nil, everyOther(apierrors.NewTimeoutError("no answer", 1))),
	)
})

// abandon deletes what users have made, for the suite's operator to have nothing to do with it.
func abandon(ns string) {
	GinkgoHelper()
	for _, o := range []client.Object{&v1alpha1.Broker{}, &v1alpha1.User{}, &v1alpha1.ACL{}} {
		Expect(cluster.DeleteAllOf(ctx, o, client.InNamespace(ns))).To(Succeed())
	}
}

// everyOther fails the writes 1, 3, 5 and so on.
func everyOther(err error) func(int) error {
	count := 0
	return func(int) error {
		if count++; count%2 == 1 {
			return err
		}
		return nil
	}
}

var (
	hashes    = regexp.MustCompile(`[0-9a-f]{64}`)
	shard     = regexp.MustCompile(`-[0-9]{2}\b`)
	shortHash = regexp.MustCompile(`"[0-9a-f]{16,32}"`)
)

// portrait is everything in a namespace that the operator answers for, without what is random or is a time.
func portrait(ns string) string {
	GinkgoHelper()
	lists := []client.ObjectList{
		&v1alpha1.BrokerList{}, &v1alpha1.UserList{}, &v1alpha1.ACLList{}, &corev1.SecretList{}, &corev1.ConfigMapList{}, &corev1.ServiceList{},
		&appsv1.StatefulSetList{}, &policyv1.PodDisruptionBudgetList{}, &networkingv1.NetworkPolicyList{}, &corev1.PersistentVolumeClaimList{},
	}
	var out strings.Builder
	sharded := map[string]bool{}
	for _, list := range lists {
		Expect(cluster.List(ctx, list, client.InNamespace(ns))).To(Succeed())
		for _, o := range itemsOf(list) {
			if secret, ok := o.(*corev1.Secret); ok && shard.MatchString(secret.Name) {
				for key := range secret.Data { // which shard it is in depends on the namespace's name, and on UIDs
					sharded[shard.ReplaceAllString(secret.Name+"/"+key, "-NN")] = true
				}
				continue
			}
			text, err := yaml.Marshal(essence(o))
			Expect(err).NotTo(HaveOccurred())
			fmt.Fprintf(&out, "--- %T %s\n%s", o, o.GetName(), text)
		}
	}
	fmt.Fprintln(&out, slices.Sorted(maps.Keys(sharded)))
	text := strings.ReplaceAll(out.String(), ns, "NAMESPACE")
	return shortHash.ReplaceAllString(hashes.ReplaceAllString(text, "HASH"), "HASH")
}

// essence is what of an object must be the same whatever happened on the way there.
func essence(o client.Object) any {
	e := map[string]any{"labels": o.GetLabels(), "finalizers": o.GetFinalizers()}
	switch o := o.(type) {
	case *corev1.Secret:
		data := map[string]string{}
		for key, value := range o.Data {
			data[key] = kindOfContent(key, value)
		}
		e["data"] = data
	case *corev1.ConfigMap:
		if o.Name == "kube-root-ca.crt" {
			return nil
		}
		e["data"] = o.Data
	case *corev1.Service:
		for i := range o.Spec.Ports {
			o.Spec.Ports[i].NodePort = 0
		}
		e["ports"], e["selector"] = o.Spec.Ports, o.Spec.Selector
	case *appsv1.StatefulSet:
		for key := range o.Spec.Template.Annotations { // the hash has the key's pin in it
			if strings.HasSuffix(key, "-hash") {
				o.Spec.Template.Annotations[key] = "HASH"
			}
		}
		for i := range o.Spec.VolumeClaimTemplates { // the class is of the journey's own
			o.Spec.VolumeClaimTemplates[i].Spec.StorageClassName = nil
		}
		e["spec"] = o.Spec
	case *policyv1.PodDisruptionBudget:
		e["spec"] = o.Spec
	case *networkingv1.NetworkPolicy:
		e["spec"] = o.Spec
	case *corev1.PersistentVolumeClaim:
		o.Spec.StorageClassName = nil
		e["spec"] = o.Spec
	default:
		e["conditions"] = conditionsIn(o)
	}
	return e
}

// itemsOf are the objects of a list, by name.
func itemsOf(list client.ObjectList) []client.Object {
	GinkgoHelper()
	items, err := meta.ExtractList(list)
	Expect(err).NotTo(HaveOccurred())
	out := make([]client.Object, len(items))
	for i := range items {
		out[i] = items[i].(client.Object)
	}
	slices.SortFunc(out, func(a, b client.Object) int { return strings.Compare(a.GetName(), b.GetName()) })
	return out
}

// conditionsIn are "Type=Status Reason" of each condition, sorted.
func conditionsIn(o client.Object) []string {
	var out []string
	for _, c := range conditionsOf(o) {
		out = append(out, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	slices.Sort(out)
	return out
}

// kindOfContent is a value of a Secret, if it says where something is, or else what kind of thing it is.
func kindOfContent(key string, value []byte) string {
	switch key {
	case keyHost, keyPort, keyURI, keyUsername:
		return string(value)
	}
	var blocks []string
	for block, rest := pem.Decode(value); block != nil; block, rest = pem.Decode(rest) {
		blocks = append(blocks, block.Type)
	}
	if len(blocks) > 0 {
		return strings.Join(blocks, ", ")
	}
	return "something"
}

// secretsIn are the values of all Secrets, by "name/key".
func secretsIn(ns string) map[string]string {
	GinkgoHelper()
	var list corev1.SecretList
	Expect(cluster.List(ctx, &list, client.InNamespace(ns))).To(Succeed())
	out := map[string]string{}
	for _, s := range list.Items {
		for key, value := range s.Data {
			out[s.Name+"/"+key] = string(value)
		}
	}
	return out
}

// madeTwice are the values that one operator made and the next one made again. Files that speak of several things change with
// each of them.
func madeTwice(before, left, end map[string]string) []string {
	var twice []string
	for key, value := range left {
		name, _, _ := strings.Cut(key, "/")
		speaks := strings.HasPrefix(name, "edge-auth") || strings.HasPrefix(name, "edge-client-") || strings.HasSuffix(key, "/ca.crt")
		if !speaks && before[key] != value && end[key] != value {
			twice = append(twice, key)
		}
	}
	return twice
}

// vouch checks that what was issued is good now, fits together and is in the ledger.
func vouch(ns string) {
	GinkgoHelper()
	vouchAt(ns, time.Now())
}

func vouchAt(ns string, now time.Time) {
	GinkgoHelper()
	b := named(&v1alpha1.Broker{}, ns, "edge")
	Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
	ca := secretData(ns, "edge-ca")()["ca.crt"]
	pair := func(secret string) pki.Pair {
		d := secretData(ns, secret)()
		return pki.Pair{CertPEM: d["tls.crt"], KeyPEM: d["tls.key"]}
	}
	for _, secret := range []string{"edge-server-tls", "edge-admin-tls", "edge-operator-tls"} {
		_, err := pki.CheckPair(pair(secret), ca, nil, now)
		Expect(err).NotTo(HaveOccurred(), secret)
	}
	var users v1alpha1.UserList
	Expect(cluster.List(ctx, &users, client.InNamespace(ns))).To(Succeed())
	for i := range users.Items {
		u := &users.Items[i]
		connection := named(&corev1.Secret{}, ns, connectionSecretName(u))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(connection), connection)).To(Succeed())
		Expect(bundleText(ns)()).To(ContainSubstring(u.Name + ":" + string(connection.Data[keyPasswordHash])))
		leaf, err := pki.CheckPair(pair(connection.Name), ca, nil, now)
		Expect(err).NotTo(HaveOccurred())
		ledger, err := pki.ParseLedger(secretData(ns, children.ClientLedgerName(b, render.Shard(string(u.UID))))()[children.KeyLedger])
		Expect(err).NotTo(HaveOccurred())
		Expect(ledger.Good(string(u.UID), leaf)).To(BeTrue())
	}
}
