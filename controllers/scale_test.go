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
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
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
		again := min(max(time.Second, patience/200), 30*time.Second) // to look costs, where there are many
		SetDefaultEventuallyTimeout(max(specPatience, patience/100))
		DeferCleanup(func() { SetDefaultEventuallyTimeout(specPatience) })
		resume := pause()
		DeferCleanup(resume)
		ns := newNamespace(nil)
		m := &meter{namespace: ns, measured: prometheus.NewRegistry()}
		stop := startAnother(m.count, m.measured)
		DeferCleanup(func() { stop() })
		before := heap()

		if os.Getenv("DUNLIN_SCALE") == "" { // else nobody comes after, and to delete so many in one request takes too long
			DeferCleanup(abandon, ns)
		}
		b := newReadyBroker(ns, nil)
		m.phase("users and ACLs", func() {
			each(users, func(i int) { newUser(ns, fmt.Sprintf("user-%05d", i), nil) })
			each(acls, func(i int) { newACL(ns, fmt.Sprintf("acl-%05d", i), fmt.Sprintf("plant/%d/#", i)) })
			progress("%d Users and %d ACLs are there, and become Ready ...", users, acls)
			Eventually(func() int { return readyObjects(ns, &v1alpha1.UserList{}) }, patience, again).Should(Equal(users))
			Eventually(func() int { return readyObjects(ns, &v1alpha1.ACLList{}) }, patience, again).Should(Equal(acls))
		})
		m.phase("Brokers", func() {
			each(others, func(i int) {
				o := newBroker(ns, func(b *v1alpha1.Broker) { b.Name = fmt.Sprintf("broker-%04d", i) })
				startPod(o)
			})
			Eventually(func() int {
				moveWorld(ns) // what the operator has changed since it was looked at
				return readyObjects(ns, &v1alpha1.BrokerList{})
			}, patience, again).Should(Equal(1 + others))
		})
		m.settled(patience)
		memory := heap() - before

		m.phase("a restart of the operator", func() {
			stop()
			had := passesMade()
			m.measured = prometheus.NewRegistry()
			stop = startAnother(m.count, m.measured)
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
		if os.Getenv("DUNLIN_SCALE") != "" { // else other specs' Brokers are there, which are counted too
			Expect(m.shards).To(Equal(1), "%v", m.lines)
		}
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"))
		AddReportEntry("scale", m.table(users, acls, others, memory), ReportEntryVisibilityAlways)
	})
})

// each calls f with 0 to n-1, some at a time, and fails once one has failed.
func each(n int, f func(i int)) {
	GinkgoHelper()
	var next, done atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			defer GinkgoRecover()
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
				done.Add(1)
			}
		})
	}
	all.Wait()
	Expect(done.Load()).To(BeEquivalentTo(n))
}

// gathered sums what has been measured by a name, by the value of a label; "": of none.
func gathered(from prometheus.Gatherer, name, label string, counts func(*dto.Metric) bool) map[string]int {
	GinkgoHelper()
	families, err := from.Gather()
	Expect(err).NotTo(HaveOccurred())
	sums := map[string]int{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if counts == nil || counts(m) {
				sums[labelOf(m, label)] += int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
		}
	}
	return sums
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// readyObjects counts the objects of a list, which is read from a namespace, that are Ready. The metrics do not tell them from
// those that other specs have left.
func readyObjects(namespace string, list client.ObjectList) int {
	GinkgoHelper()
	Expect(cluster.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
	n := 0
	Expect(meta.EachListItem(list, func(o apiruntime.Object) error {
		var conditions []metav1.Condition
		switch o := o.(type) {
		case *v1alpha1.Broker:
			conditions = o.Status.Conditions
		case *v1alpha1.User:
			conditions = o.Status.Conditions
		case *v1alpha1.ACL:
			conditions = o.Status.Conditions
		}
		if meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady) {
			n++
		}
		return nil
	})).To(Succeed())
	return n
}

// passesMade counts all passes that operators of this process have made.
func passesMade() int {
	GinkgoHelper()
	return gathered(metrics.Registry, "controller_runtime_reconcile_total", "", nil)[""]
}

// rendered counts the shards that the operator has rendered.
func (m *meter) rendered() int {
	GinkgoHelper()
	return gathered(m.measured, infoShards.Name, "", nil)[""]
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
	measured            *prometheus.Registry // by the operator that runs now
	reads, writes, last atomic.Int64
	lines               []string
	shards              int // rendered in the last phase

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
	used := time.Duration(0)
	Eventually(func() bool {
		before := used
		used = processor()
		return time.Since(time.Unix(0, m.last.Load())) > 2*time.Second && before > 0 && used-before < 200*time.Millisecond
	}, patience, time.Second).Should(BeTrue())
}

// phase notes what is asked for, and the processor's time of this process, while f runs.
func (m *meter) phase(name string, f func()) {
	m.reads.Store(0)
	m.writes.Store(0)
	m.mu.Lock()
	m.wrote = nil
	m.mu.Unlock()
	begun, cpu, shards := time.Now(), processor(), m.rendered()
	progress("%s ...", name)
	f()
	if m.shards = m.rendered(); m.shards >= shards { // or it is another operator, who counts anew
		m.shards -= shards
	}
	m.lines = append(m.lines, fmt.Sprintf("| %s | %.1f | %.2f | %d | %d | %d |",
		name, time.Since(begun).Seconds(), (processor()-cpu).Seconds(), m.writes.Load(), m.reads.Load(), m.shards))
	progress("%s", m.lines[len(m.lines)-1])
}

// progress shows how far `make scale` has come, which takes its time.
func progress(format string, args ...any) {
	if os.Getenv("DUNLIN_SCALE") != "" {
		fmt.Fprintf(os.Stderr, "\n"+time.Now().Format(time.TimeOnly)+" "+format, args...)
	}
}

func (m *meter) table(users, acls, brokers int, memory int64) string {
	return fmt.Sprintf("%d Users and %d ACLs of one Broker, %d more Brokers; the operator's heap: %.0f MiB.\n\n"+
		"| what | seconds | seconds of the processor | writes | reads beside the cache | shards rendered |\n|---|---|---|---|---|---|\n%s\n",
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
