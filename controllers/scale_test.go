package controllers

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// A small fleet is measured in each run of the tests, for what must not grow. `make scale` asks for a large one by DUNLIN_SCALE
// ("users,acls,brokers"), and for a table of what it costs. Pods are marked ready by the test: nothing runs in them.
var _ = Describe("an operator of many objects", Serial, func() {
	It("writes nothing while nothing changes, and for one User's change as little as for one of few", func() {
		users, acls, others := 60, 20, 3
		if sizes := os.Getenv("DUNLIN_SCALE"); sizes != "" {
			_, err := fmt.Sscanf(sizes, "%d,%d,%d", &users, &acls, &others)
			Expect(err).NotTo(HaveOccurred(), "DUNLIN_SCALE")
		}
		patience := time.Minute + time.Duration(users+acls+20*others)*500*time.Millisecond
		resume := pause()
		DeferCleanup(resume)
		ns := newNamespace(nil)
		m := &meter{namespace: ns}
		stop := startAnother(m.count)
		DeferCleanup(func() { stop() })
		before := heap()

		DeferCleanup(abandon, ns)
		b := newReadyBroker(ns, nil)
		m.phase("users and ACLs", func() {
			each(users, func(i int) { newUser(ns, fmt.Sprintf("user-%05d", i), nil) })
			each(acls, func(i int) { newACL(ns, fmt.Sprintf("acl-%05d", i), fmt.Sprintf("plant/%d/#", i)) })
			Eventually(func() int { return unready(ns, &v1alpha1.UserList{}) + unready(ns, &v1alpha1.ACLList{}) }, patience, time.Second).Should(BeZero())
		})
		m.phase("Brokers", func() {
			each(others, func(i int) {
				o := newBroker(ns, func(b *v1alpha1.Broker) { b.Name = fmt.Sprintf("broker-%04d", i) })
				startPod(o)
			})
			Eventually(func() int { return unready(ns, &v1alpha1.BrokerList{}) }, patience, time.Second).Should(BeZero())
		})
		m.settled(patience)
		memory := heap() - before

		m.phase("a restart of the operator", func() {
			stop()
			had := passesMade()
			stop = startAnother(m.count)
			Eventually(func() int { return passesMade() - had }, patience, 100*time.Millisecond).Should(BeNumerically(">=", users+acls+others+1))
			m.settled(patience)
		})
		Expect(m.writes.Load()).To(BeZero(), "nothing has changed: %v", m.wrote)
		// Beside the lists and watches of its caches.
		Expect(m.reads.Load()).To(BeNumerically("<=", 10+others), "and what is known is not asked for")

		alice := named(&v1alpha1.User{}, ns, "user-00000")
		m.phase("a User's change", func() {
			change(alice, func(u *v1alpha1.User) { u.Spec.Groups = []string{"changed"} })
			Eventually(func(g Gomega) {
				g.Expect(cluster.Get(ctx, client.ObjectKeyFromObject(alice), alice)).To(Succeed())
				g.Expect(alice.Status.ObservedGeneration).To(Equal(alice.Generation))
				g.Expect(meta.IsStatusConditionTrue(alice.Status.Conditions, v1alpha1.ConditionReady)).To(BeTrue())
			}, patience).Should(Succeed())
			m.settled(patience)
		})
		// A shard, the manifest, the pod, and each step that the Broker's status and the User's show, some of them told to be late.
		Expect(m.writes.Load()).To(BeNumerically("<=", 24), "%v", m.lines)
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
		AddReportEntry("scale", m.table(users, acls, others, memory), ReportEntryVisibilityAlways)
	})
})

// each calls f with 0 to n-1, some at a time.
func each(n int, f func(i int)) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			defer GinkgoRecover()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	all.Wait()
}

// unready counts the objects of a namespace that are not Ready as their generation is.
func unready(ns string, list client.ObjectList) int {
	GinkgoHelper()
	Expect(cluster.List(ctx, list, client.InNamespace(ns))).To(Succeed())
	n := 0
	for _, o := range itemsOf(list) {
		c := meta.FindStatusCondition(conditionsOf(o), v1alpha1.ConditionReady)
		if c == nil || c.Status != metav1.ConditionTrue || c.ObservedGeneration != o.GetGeneration() {
			n++
		}
	}
	return n
}

// passesMade counts all passes that operators of this process have made.
func passesMade() int {
	GinkgoHelper()
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	n := 0.0
	for _, f := range families {
		if f.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			n += m.GetCounter().GetValue()
		}
	}
	return int(n)
}

// heap is what is alive, in bytes.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

// meter counts what an operator asks of the API server about the objects of a namespace (other specs have left theirs), and what it
// costs this process.
type meter struct {
	namespace           string
	reads, writes, last atomic.Int64
	lines               []string

	mu    sync.Mutex
	wrote []string // in this phase, the first few
}

// write notes a request that writes.
func (m *meter) write(r *http.Request) {
	m.writes.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.wrote) < 20 {
		m.wrote = append(m.wrote, r.Method+" "+r.URL.Path)
	}
}

// count is for a rest.Config. Watches, and the lists that caches begin with, are not counted; leases are not either.
func (m *meter) count(c *rest.Config) {
	c.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			switch {
			case strings.Contains(r.URL.Path, "/events"), !strings.Contains(r.URL.Path, "/namespaces/"+m.namespace+"/"):
			case r.Method != http.MethodGet:
				m.write(r)
				m.last.Store(time.Now().UnixNano())
			case r.URL.Query().Has("watch"), r.URL.Query().Has("limit"), r.URL.Query().Has("resourceVersion"):
			default:
				m.reads.Add(1)
				m.last.Store(time.Now().UnixNano())
			}
			return next.RoundTrip(r)
		})
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// settled waits until the operator has asked for nothing for a while, in which it also used next to no processor.
func (m *meter) settled(patience time.Duration) {
	GinkgoHelper()
	Eventually(func() bool {
		cpu := processor()
		time.Sleep(time.Second)
		return time.Since(time.Unix(0, m.last.Load())) > 2*time.Second && processor()-cpu < 200*time.Millisecond
	}, patience, time.Millisecond).Should(BeTrue())
}

// phase notes what is asked for, and the processor's time of this process, while f runs.
func (m *meter) phase(name string, f func()) {
	m.reads.Store(0)
	m.writes.Store(0)
	m.mu.Lock()
	m.wrote = nil
	m.mu.Unlock()
	begun, cpu := time.Now(), processor()
	f()
	m.lines = append(m.lines, fmt.Sprintf("| %s | %.1f | %.2f | %d | %d |",
		name, time.Since(begun).Seconds(), (processor()-cpu).Seconds(), m.writes.Load(), m.reads.Load()))
}

func (m *meter) table(users, acls, brokers int, memory int64) string {
	return fmt.Sprintf("%d Users and %d ACLs of one Broker, %d more Brokers; the operator's heap: %.0f MiB.\n\n"+
		"| what | seconds | seconds of the processor | writes | reads beside the cache |\n|---|---|---|---|---|\n%s\n",
		users, acls, brokers, float64(memory)/(1<<20), strings.Join(m.lines, "\n"))
}

// processor is the processor's time that this process has used.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		Fail(err.Error())
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
