package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// loadState is how far the pods are with the users and ACLs of this pass.
type loadState struct {
	// loaded says that every pod that should serve does, with the current configuration, users and ACLs;
	// auth says that of users, ACLs and revoked certificates alone.
	loaded, auth bool
	// waiting says on whom is waited; empty if on nobody.
	waiting string
	// overdue says that it has taken longer than loadPatience.
	overdue bool
	// retry is when to ask again; 0 is when something that is watched changes.
	retry time.Duration
}

// observe looks at what runs: the StatefulSet, its pods, and what the ready ones have loaded.
func (r *BrokerReconciler) observe(ctx context.Context, s *brokerScope) error {
	var err error
	if s.statefulSet, err = r.statefulSet(ctx, s.broker); err != nil {
		return err
	}
	if err := r.listPods(ctx, s); err != nil {
		return err
	}
	if err := r.lookForRefusedPods(ctx, s); err != nil {
		return err
	}
	if s.authRevision == "" || s.statefulSet == nil {
		r.loads.forget(keyOf(s.broker))
		return nil
	}
	if err := r.nudgePods(ctx, s); err != nil {
		return err
	}
	if s.adminClient != nil { // else nobody can be asked
		r.askWhyNotReady(ctx, s)
		r.reconcileLoaded(ctx, s)
	}
	return nil
}

func (r *BrokerReconciler) listPods(ctx context.Context, s *brokerScope) error {
	if s.statefulSet == nil {
		return nil
	}
	b := s.broker
	var list corev1.PodList
	err := r.List(ctx, &list, client.InNamespace(b.Namespace), client.MatchingLabels(children.Selector(b)))
	if err != nil {
		return fmt.Errorf("list pods of Broker %s: %w", keyOf(b), err)
	}
	for _, pod := range list.Items {
		if metav1.IsControlledBy(&pod, s.statefulSet) && pod.DeletionTimestamp == nil {
			s.pods = append(s.pods, pod)
		}
	}
	slices.SortFunc(s.pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// lookForRefusedPods asks why there are no pods where there should be some. Only an event says so: a
// quota, a policy or the namespace's pod security have refused them.
func (r *BrokerReconciler) lookForRefusedPods(ctx context.Context, s *brokerScope) error {
	sts, want := s.statefulSet, int(children.Replicas(s.broker))
	if sts == nil || s.applied || sts.Status.ObservedGeneration != sts.Generation || len(s.pods) >= want {
		return nil
	}
	var list corev1.EventList
	err := r.live.List(ctx, &list, client.InNamespace(sts.Namespace), client.Limit(maxEvents), client.MatchingFields{
		"involvedObject.uid": string(sts.UID),
	})
	if err != nil {
		return fmt.Errorf("list events of StatefulSet %s: %w", client.ObjectKeyFromObject(sts), err)
	}
	s.podRefused = refusedPods(list.Items)
	s.wake(podRetry)
	return nil
}

// nudgePods annotates the pods with the revisions: a changed pod makes the kubelet sync its volumes
// at once instead of within a minute or two.
func (r *BrokerReconciler) nudgePods(ctx context.Context, s *brokerScope) error {
	want := map[string]string{v1alpha1.AnnotationAuthRevision: s.authRevision}
	if revision := s.configRevision(); revision != "" {
		want[v1alpha1.AnnotationConfigRevision] = revision
	}
	if s.clientTrust != "" {
		want[v1alpha1.AnnotationClientTrust] = s.clientTrust
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": want}})
	if err != nil {
		return fmt.Errorf("encode the patch of the pods of Broker %s: %w", keyOf(s.broker), err)
	}
	for i := range s.pods {
		pod := &s.pods[i]
		if annotated(pod, want) {
			continue
		}
		err = r.Patch(ctx, pod.DeepCopy(), client.RawPatch(types.MergePatchType, patch), client.FieldOwner(FieldOwner))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("annotate pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
	}
	return nil
}

func annotated(pod *corev1.Pod, want map[string]string) bool {
	for key, value := range want {
		if pod.Annotations[key] != value {
			return false
		}
	}
	return true
}

// configRevision is what a broker calls the configuration that this pass has written; "" if it has not.
func (s *brokerScope) configRevision() string {
	if len(s.config) == 0 || paused(s.broker) {
		return ""
	}
	return config.Revision(s.config)
}

// reconcileLoaded asks every ready pod for the revisions that it has loaded.
func (r *BrokerReconciler) reconcileLoaded(ctx context.Context, s *brokerScope) {
	key, ready, configured := keyOf(s.broker), 0, s.configRevision()
	s.load.auth = true
	for i := range s.pods {
		pod := &s.pods[i]
		if !podReady(pod) {
			continue
		}
		ready++
		has, err := r.prober.Loaded(ctx, pod, s.adminClient)
		trusts := s.clientTrust == "" || has.ClientTrust == s.clientTrust
		if err != nil || has.AuthRevision != s.authRevision || !trusts {
			s.load.auth = false
		}
		switch {
		case err != nil:
			log.FromContext(ctx).Info("a pod doesn't say which users and ACLs it has loaded", "pod", pod.Name, "error", err.Error())
			s.load.waiting = fmt.Sprintf("Pod %s does not answer on its admin port", pod.Name)
		case has.AuthRevision != s.authRevision:
			s.load.waiting = fmt.Sprintf("Pod %s is loading the current users and ACLs", pod.Name)
		case !trusts:
			s.load.waiting = fmt.Sprintf("Pod %s is loading the current list of revoked client certificates", pod.Name)
		case configured != "" && has.ConfigRevision != configured && has.ConfigRevision != "": // an older broker doesn't say
			s.load.waiting = fmt.Sprintf("Pod %s is loading the current configuration", pod.Name)
		}
	}
	all := ready >= int(children.Replicas(s.broker))
	s.load.auth = s.load.auth && all
	if s.load.waiting != "" {
		waited := r.loads.waiting(key, s.authRevision+" "+s.clientTrust+" "+configured, s.now)
		s.load.retry = min(max(waited, loadRetryMin), loadRetryMax)
		s.load.overdue = waited >= loadPatience
		return
	}
	r.loads.forget(key)
	s.load.loaded = all
}

func podReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// askWhyNotReady asks the pods that run and are not ready: the kubelet knows no more than that they are not.
func (r *BrokerReconciler) askWhyNotReady(ctx context.Context, s *brokerScope) {
	for i := range s.pods {
		pod := &s.pods[i]
		if podReady(pod) || !running(pod) {
			continue
		}
		s.wake(podRetry)
		has, err := r.prober.Loaded(ctx, pod, s.adminClient)
		if err != nil || has.NotReady == "" {
			continue // it is just starting, or has just become ready
		}
		if s.excuses == nil {
			s.excuses = map[string]string{}
		}
		s.excuses[pod.Name] = has.NotReady
	}
}

func running(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.State.Running != nil })
}

// loads remembers since when each Broker waits for its pods to load a revision.
type loads struct {
	mu       sync.Mutex
	byBroker map[types.NamespacedName]pendingLoad
}

type pendingLoad struct {
	revision string
	since    time.Time
}

// waiting is for how long the Broker has waited for this revision: 0 the first time.
func (l *loads) waiting(broker types.NamespacedName, revision string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byBroker == nil {
		l.byBroker = map[types.NamespacedName]pendingLoad{}
	}
	p, ok := l.byBroker[broker]
	if !ok || p.revision != revision {
		p = pendingLoad{revision: revision, since: now}
		l.byBroker[broker] = p
	}
	return now.Sub(p.since)
}

func (l *loads) forget(broker types.NamespacedName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byBroker, broker)
}
