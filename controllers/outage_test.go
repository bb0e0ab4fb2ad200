package controllers

import (
	"io"
	"net"
	"net/url"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// relay stands between an operator and the API server, and can be cut.
type relay struct {
	address string
	target  string
	accept  net.Listener

	mu    sync.Mutex
	conns map[net.Conn]bool
}

func newRelay(target string) *relay {
	GinkgoHelper()
	u, err := url.Parse(target)
	Expect(err).NotTo(HaveOccurred())
	r := &relay{address: "127.0.0.1:0", target: u.Host, conns: map[net.Conn]bool{}}
	r.join()
	return r
}

// join lets connections through, at the same address as before.
func (r *relay) join() {
	GinkgoHelper()
	accept, err := net.Listen("tcp", r.address)
	Expect(err).NotTo(HaveOccurred())
	r.accept, r.address = accept, accept.Addr().String()
	go func() {
		for {
			c, err := accept.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", r.target)
			if err != nil {
				_ = c.Close()
				continue
			}
			r.mu.Lock()
			r.conns[c], r.conns[s] = true, true
			r.mu.Unlock()
			go r.pipe(c, s)
			go r.pipe(s, c)
		}
	}()
}

func (r *relay) pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, to)
	delete(r.conns, from)
}

// cut ends all connections, and refuses further ones.
func (r *relay) cut() {
	_ = r.accept.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close()
	}
}

var _ = Describe("an API server that is gone for a while", func() {
	It("loses nothing: what was asked for meanwhile is done when it is back, and nothing twice", func() {
		DeferCleanup(pause())
		between := newRelay(kubeconfig.Host)
		DeferCleanup(between.cut)
		DeferCleanup(startAnother(func(c *rest.Config) { c.Host = "https://" + between.address }, prometheus.NewRegistry()))

		ns := newNamespace(nil)
		DeferCleanup(abandon, ns)
		b := newBroker(ns, mutual)
		Eventually(func() error { // it has just started, and looks at what other specs have left too
			return cluster.Get(ctx, client.ObjectKeyFromObject(b), &appsv1.StatefulSet{})
		}, "60s").Should(Succeed())
		startPod(b)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
		alice, bob := newUser(ns, "alice", withCertificate), newUser(ns, "bob", withCertificate)
		for _, u := range []*v1alpha1.User{alice, bob} {
			Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		}
		made := secretsIn(ns)

		between.cut()
		change(alice, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		Expect(cluster.Delete(ctx, bob)).To(Succeed())
		Expect(cluster.Delete(ctx, named(&corev1.Secret{}, ns, "bob-mqtt"))).To(Succeed()) // the garbage collector's work
		Expect(cluster.Delete(ctx, named(&policyv1.PodDisruptionBudget{}, ns, "edge"))).To(Succeed())
		carol := newUser(ns, "carol", withCertificate)
		Consistently(conditionOf(carol, v1alpha1.ConditionReady), "3s").Should(HavePrefix("Unknown"), "the operator hears nothing")
		Expect(bundleText(ns)()).To(And(ContainSubstring("alice:"), ContainSubstring("bob:")))

		between.join()
		Eventually(conditionOf(carol, v1alpha1.ConditionReady), "60s").Should(Equal("True Applied"))
		Eventually(conditionOf(alice, v1alpha1.ConditionReady), "60s").Should(Equal("True Suspended"))
		Eventually(bundleText(ns), "60s").ShouldNot(Or(ContainSubstring("alice:"), ContainSubstring("bob:")))
		Eventually(func() error {
			return cluster.Get(ctx, client.ObjectKeyFromObject(b), &policyv1.PodDisruptionBudget{})
		}, "60s").Should(Succeed())
		Eventually(conditionOf(b, v1alpha1.ConditionReady), "60s").Should(Equal("True AsExpected"))
		for _, key := range []string{"edge-ca-key/tls.crt", "edge-server-tls/tls.crt", "edge-operator-tls/tls.key", "edge-admin/token"} {
			Expect(secretsIn(ns)[key]).To(Equal(made[key]), key)
		}
	})
})

var _ = Describe("two operators at once", func() {
	It("end where one would have, and do not fight", func() {
		DeferCleanup(startAnother(nil, prometheus.NewRegistry())) // which no lease keeps from working
		ns := newNamespace(nil)
		DeferCleanup(abandon, ns)
		fleet(ns)
		b := named(&v1alpha1.Broker{}, ns, "edge")
		startPod(b)
		ready := func() {
			GinkgoHelper()
			// Both have made a key for themselves, and the one that stays is in the pods' configuration.
			Eventually(func() string { settle(b); return conditionOf(b, v1alpha1.ConditionReady)() }, "30s").Should(Equal("True AsExpected"))
			for _, name := range []string{"alice", "bob"} {
				Eventually(conditionOf(named(&v1alpha1.User{}, ns, name), v1alpha1.ConditionReady), "30s").Should(Equal("True Applied"))
			}
		}
		ready()
		quiet(ns)
		made := secretsIn(ns)
		third := newPasses(ns).killAfter(0)
		third.now = clock.Now // the two work by the suite's, which other specs have set ahead
		Expect(third.settle()).To(Succeed(), "a third finds nothing to do")

		change(named(&v1alpha1.User{}, ns, "alice"), func(u *v1alpha1.User) {
			u.Annotations = map[string]string{v1alpha1.AnnotationRotatePassword: "1"}
		})
		Eventually(func() string { return secretsIn(ns)["alice-mqtt/password"] }).ShouldNot(Equal(made["alice-mqtt/password"]))
		second := secretsIn(ns)["alice-mqtt/password"]
		ready()
		count := quiet(ns) // both are in the log
		Expect(secretsIn(ns)["alice-mqtt/password"]).To(Equal(second), "one of them has made it")
		for key, value := range made {
			if name, _, _ := strings.Cut(key, "/"); name == "edge-ca-key" || name == "edge-server-tls" || name == "edge-admin" || name == "bob-mqtt" {
				Expect(secretsIn(ns)[key]).To(Equal(value), key)
			}
		}
		Consistently(func() []string { return writes.in(ns)[count:] }, "2s").Should(BeEmpty())
		vouchAt(ns, clock.Now())
	})
})

// quiet waits until the operator writes nothing to a namespace any more, and says how much it has.
func quiet(ns string) int {
	GinkgoHelper()
	last := -1
	Eventually(func() bool { n := len(writes.in(ns)); same := n == last; last = n; return same }, "20s", "500ms").Should(BeTrue())
	return last
}

// A child of each kind is watched: that it is gone, or another, wakes the operator by itself.
var _ = Describe("a Broker's child of each kind", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	It("is made anew when it is deleted by hand, and put right when it is edited", func() {
		newReadyBroker(ns, func(b *v1alpha1.Broker) { b.Spec.NetworkPolicy.Enabled = true })
		quiet(ns)
		for _, child := range []client.Object{
			&corev1.Service{}, &policyv1.PodDisruptionBudget{}, &networkingv1.NetworkPolicy{}, &appsv1.StatefulSet{},
		} {
			named(child, ns, "edge")
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(child), child)).To(Succeed())
			uid := child.GetUID()
			Expect(cluster.Delete(ctx, child, client.GracePeriodSeconds(0))).To(Succeed())
			Eventually(func(g Gomega) {
				g.Expect(cluster.Get(ctx, client.ObjectKeyFromObject(child), child)).To(Succeed())
				g.Expect(child.GetUID()).NotTo(Equal(uid))
			}).Should(Succeed(), "%T", child)
		}
		change(named(&policyv1.PodDisruptionBudget{}, ns, "edge"), func(p *policyv1.PodDisruptionBudget) { p.Spec.MaxUnavailable.IntVal = 0 })
		change(named(&networkingv1.NetworkPolicy{}, ns, "edge"), func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress = nil })
		change(named(&appsv1.StatefulSet{}, ns, "edge"), func(s *appsv1.StatefulSet) { s.Spec.Template.Spec.Containers[0].Image = "another" })
		Eventually(func(g Gomega) {
			budget, policy, set := named(&policyv1.PodDisruptionBudget{}, ns, "edge"), named(&networkingv1.NetworkPolicy{}, ns, "edge"), named(&appsv1.StatefulSet{}, ns, "edge")
			for _, o := range []client.Object{budget, policy, set} {
				g.Expect(cluster.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
			}
			g.Expect(budget.Spec.MaxUnavailable.IntVal).To(BeEquivalentTo(1))
			g.Expect(policy.Spec.Ingress).NotTo(BeEmpty())
			g.Expect(set.Spec.Template.Spec.Containers[0].Image).To(Equal(testImage))
		}).Should(Succeed())
	})
})
