package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// scrapeTimeout bounds what a scrape waits for the cache.
const scrapeTimeout = 5 * time.Second

// durationBounds are upper bounds in seconds: from what a pass takes to what a pod that hangs does.
var durationBounds = []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 120}

// MetricInfo describes one of the operator's own metrics, for the documentation.
type MetricInfo struct {
	Name, Type, Help string
	Labels           []string
}

var (
	infoObjects = MetricInfo{"dunlin_operator_objects", "gauge",
		"Objects that the operator serves, by kind and by the status of their Ready condition: True, False, Unknown.", []string{"kind", "ready"}}
	infoCertificates = MetricInfo{"dunlin_operator_certificate_expiry_timestamp_seconds", "gauge",
		"When the server certificate of a Broker expires, in seconds since 1970.", []string{"broker_namespace", "broker"}}
	infoApply = MetricInfo{"dunlin_operator_apply_duration_seconds", "histogram",
		"How long it took from when the operator saw a change of a User or ACL until every pod enforced it. Changes that nothing had to be waited for are not among them.", []string{"kind"}}
	infoRender = MetricInfo{"dunlin_operator_render_duration_seconds", "histogram",
		"How long it took to make the files of users and access rules of one Broker, of those that had changed.", nil}
	infoShards = MetricInfo{"dunlin_operator_rendered_shards_total", "counter",
		"Parts of the users and access rules that were made. A Broker has 32: a change of a User or ACL makes one, the operator's start all.", nil}
)

// MetricInfos are the operator's own metrics, by name; controller-runtime's come beside them.
func MetricInfos() []MetricInfo {
	return []MetricInfo{infoApply, infoCertificates, infoObjects, infoRender, infoShards}
}

// instruments are the operator's own metrics. The nil instruments measure nothing.
type instruments struct {
	apply  *prometheus.HistogramVec
	render prometheus.Histogram
	shards prometheus.Counter

	mu      sync.Mutex
	pending map[pendingKey]time.Time // changes that are not applied yet, by when they were seen
}

type pendingKey struct {
	kind string
	types.NamespacedName
}

// newInstruments registers the metrics, which a registry has of one operator.
func newInstruments(registry prometheus.Registerer, c client.Reader) (*instruments, error) {
	i := &instruments{
		apply: prometheus.NewHistogramVec(
			prometheus.HistogramOpts{Name: infoApply.Name, Help: infoApply.Help, Buckets: durationBounds}, infoApply.Labels),
		render:  prometheus.NewHistogram(prometheus.HistogramOpts{Name: infoRender.Name, Help: infoRender.Help, Buckets: prometheus.DefBuckets}),
		shards:  prometheus.NewCounter(prometheus.CounterOpts{Name: infoShards.Name, Help: infoShards.Help}),
		pending: make(map[pendingKey]time.Time),
	}
	for _, collector := range []prometheus.Collector{i.apply, i.render, i.shards, inventory{c}} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return i, nil
}

// seen notes what a pass at now has found of an object: whether it is applied, and whether that is still to be expected.
func (i *instruments) seen(kind string, key types.NamespacedName, o outcome, now time.Time) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	at := pendingKey{kind, key}
	since, waiting := i.pending[at]
	switch {
	case o.status == metav1.ConditionTrue && waiting:
		i.apply.WithLabelValues(kind).Observe(now.Sub(since).Seconds())
		delete(i.pending, at)
	case o.status == metav1.ConditionTrue, stalledReasons[o.reason]:
		delete(i.pending, at) // nothing to wait for, or the user's turn
	case !waiting:
		i.pending[at] = now
	}
}

// forget drops an object that is gone.
func (i *instruments) forget(kind string, key types.NamespacedName) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.pending, pendingKey{kind, key})
}

// rendered measures a rendering of so many shards that began at begun.
func (i *instruments) rendered(begun time.Time, shards int) {
	if i != nil && shards > 0 {
		i.render.Observe(time.Since(begun).Seconds())
		i.shards.Add(float64(shards))
	}
}

// inventory counts objects when it is scraped: what the cache has, without a copy.
type inventory struct{ client.Reader }

var (
	descObjects      = prometheus.NewDesc(infoObjects.Name, infoObjects.Help, infoObjects.Labels, nil)
	descCertificates = prometheus.NewDesc(infoCertificates.Name, infoCertificates.Help, infoCertificates.Labels, nil)
)

// Describe implements prometheus.Collector.
func (inventory) Describe(out chan<- *prometheus.Desc) {
	out <- descObjects
	out <- descCertificates
}

// Collect implements prometheus.Collector. What the cache cannot tell yet is left out.
func (c inventory) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	var brokers v1alpha1.BrokerList
	if c.List(ctx, &brokers, client.UnsafeDisableDeepCopy) == nil {
		for i := range brokers.Items {
			if end := brokers.Items[i].Status.CertificateNotAfter; end != nil {
				out <- prometheus.MustNewConstMetric(descCertificates, prometheus.GaugeValue, float64(end.Unix()),
					brokers.Items[i].Namespace, brokers.Items[i].Name)
			}
		}
		count(out, "Broker", brokers.Items, func(b *v1alpha1.Broker) []metav1.Condition { return b.Status.Conditions })
	}
	var users v1alpha1.UserList
	if c.List(ctx, &users, client.UnsafeDisableDeepCopy) == nil {
		count(out, "User", users.Items, func(u *v1alpha1.User) []metav1.Condition { return u.Status.Conditions })
	}
	var acls v1alpha1.ACLList
	if c.List(ctx, &acls, client.UnsafeDisableDeepCopy) == nil {
		count(out, "ACL", acls.Items, func(a *v1alpha1.ACL) []metav1.Condition { return a.Status.Conditions })
	}
}

var readyStates = []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown}

// count shows how many of one kind are in which state.
func count[T any](out chan<- prometheus.Metric, kind string, items []T, conditions func(*T) []metav1.Condition) {
	numbers := make(map[metav1.ConditionStatus]float64, len(readyStates))
	for i := range items {
		state := metav1.ConditionUnknown
		if ready := meta.FindStatusCondition(conditions(&items[i]), v1alpha1.ConditionReady); ready != nil && slices.Contains(readyStates, ready.Status) {
			state = ready.Status
		}
		numbers[state]++
	}
	for _, state := range readyStates {
		out <- prometheus.MustNewConstMetric(descObjects, prometheus.GaugeValue, numbers[state], kind, string(state))
	}
}
