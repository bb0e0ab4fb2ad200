package health

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func ready(status metav1.ConditionStatus, reason, message string) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: status, Reason: reason, Message: message}}
}

func broker(conditions []metav1.Condition) *v1alpha1.Broker {
	return &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Namespace: "plant", Name: "edge"}, Status: v1alpha1.BrokerStatus{Conditions: conditions}}
}

func user(generation, observed int64, conditions []metav1.Condition) v1alpha1.User {
	return v1alpha1.User{
		ObjectMeta: metav1.ObjectMeta{Namespace: "plant", Name: "alice", Generation: generation},
		Status:     v1alpha1.UserStatus{ObservedGeneration: observed, Conditions: conditions},
	}
}

func pod(isReady bool, change func(*corev1.Pod)) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "edge-0"}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	status := corev1.ConditionFalse
	if isReady {
		status = corev1.ConditionTrue
	}
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
	if change != nil {
		change(&p)
	}
	return p
}

func TestAssess(t *testing.T) {
	well := ready(metav1.ConditionTrue, v1alpha1.ReasonAsExpected, "")
	for _, test := range []struct {
		name  string
		facts Facts
		well  bool
		want  []string // problems: severity, reason, and a part of message and remedy
	}{
		{name: "a local broker", facts: Facts{Overview: &api.Overview{}}, well: true},
		{name: "what the broker says", facts: Facts{Overview: &api.Overview{Problems: []api.Problem{
			{Severity: Warning, Reason: "W", Message: "w"}, {Severity: Error, Reason: "E", Message: "e"},
		}}}, want: []string{"Error E e", "Warning W w"}},
		{name: "gone", facts: Facts{Unreachable: errors.New("connection refused")},
			want: []string{"Error Unreachable the admin API does not answer: connection refused|is kubectl-mqtt run still running?"}},
		{name: "all well", facts: Facts{
			Overview: &api.Overview{}, Broker: broker(well), Users: []v1alpha1.User{user(1, 1, well)}, Pods: []corev1.Pod{pod(true, nil)},
			ACLs: []v1alpha1.ACL{{Status: v1alpha1.ACLStatus{Conditions: well}}},
		}, well: true},
		{name: "suspended", facts: Facts{Overview: &api.Overview{}, Broker: broker(well), Users: []v1alpha1.User{
			user(1, 1, ready(metav1.ConditionTrue, v1alpha1.ReasonSuspended, "Kept out")),
		}}, well: true},
		{name: "stopped", facts: Facts{Broker: broker(ready(metav1.ConditionFalse, v1alpha1.ReasonStopped, ""))}, well: true,
			want: []string{"Warning Stopped the Broker is stopped|kubectl scale broker edge --replicas=1"}},
		{name: "no operator", facts: Facts{Overview: &api.Overview{}, Broker: broker(nil), Users: []v1alpha1.User{user(1, 0, nil)}},
			want: []string{"Error Progressing User plant/alice was never looked at|kubectl get pods -A"}},
		{name: "a bad Secret", facts: Facts{Overview: &api.Overview{}, Broker: broker(append(
			ready(metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound, "Secret x is not there"),
			metav1.Condition{Type: v1alpha1.ConditionCertificatesReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonSecretNotFound, Message: "Secret x is not there"},
		))}, want: []string{"Error SecretNotFound the Broker is not Ready: Secret x is not there|make the Secret", "Error SecretNotFound there is no valid server certificate"}},
		{name: "not applied", facts: Facts{Overview: &api.Overview{}, Broker: broker(well), Users: []v1alpha1.User{
			user(2, 2, ready(metav1.ConditionFalse, v1alpha1.ReasonUsernameTaken, "alice is taken by field/alice")), user(2, 1, well),
		}}, want: []string{
			"Error UsernameTaken User plant/alice is not applied: alice is taken by field/alice|give it another spec.username",
			"Warning Progressing User plant/alice was changed",
		}},
		{name: "a pod that crashes", facts: Facts{Unreachable: errors.New("no"), Broker: broker(ready(metav1.ConditionFalse, v1alpha1.ReasonPodsNotReady, "0 of 1")),
			Pods: []corev1.Pod{pod(false, func(p *corev1.Pod) {
				p.Status.ContainerStatuses = []corev1.ContainerStatus{{
					RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 40s"}},
					LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "OOMKilled", FinishedAt: metav1.NewTime(now)}},
				}}
			})}}, want: []string{
			"Error PodsNotReady the Broker is not Ready: 0 of 1|see the pods", "Error PodNotReady pod edge-0 does not serve: it is CrashLoopBackOff: back-off 40s|kubectl logs edge-0",
			"Error Unreachable", "Warning OutOfMemory pod edge-0 was killed at 2030-01-02T03:04:05Z|resources.limits.memory",
		}},
		{name: "a pod without a node", facts: Facts{Overview: &api.Overview{}, Broker: broker(well), Pods: []corev1.Pod{pod(false, func(p *corev1.Pod) {
			p.Status.Phase = corev1.PodPending
			p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Message: "0/3 nodes"})
		})}}, want: []string{"Error PodNotReady pod edge-0 does not serve: it is Pending: 0/3 nodes"}},
		{name: "an old certificate", facts: Facts{Unreachable: errors.New("no"), Broker: func() *v1alpha1.Broker {
			b := broker(well)
			b.Status.CertificateNotAfter = new(metav1.NewTime(now.Add(-time.Hour)))
			return b
		}()}, want: []string{"Error CertificateExpired the server certificate expired on 2030-01-02|kubectl mqtt certs", "Error Unreachable no|there is no pod"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.facts.Now = now
			r := Assess(test.facts)
			if r.Well != test.well || len(r.Problems) != len(test.want) {
				t.Fatalf("well %v, problems %+v", r.Well, r.Problems)
			}
			for i, p := range r.Problems {
				want, remedy, _ := strings.Cut(test.want[i], "|")
				head, rest, _ := strings.Cut(want, " ")
				reason, message, _ := strings.Cut(rest, " ")
				if p.Severity != head || p.Reason != reason || !strings.Contains(p.Message, message) || !strings.Contains(p.Remedy, remedy) {
					t.Errorf("%+v, want %s", p, test.want[i])
				}
			}
		})
	}
}

// TestRemedies: whatever reason the API has, there is something to do about it, or it is no problem.
func TestRemedies(t *testing.T) {
	for _, reason := range []string{v1alpha1.ReasonAsExpected, v1alpha1.ReasonApplied, v1alpha1.ReasonSuspended, v1alpha1.ReasonStopped} {
		if remedies[reason] != "" {
			t.Errorf("%s is no problem", reason)
		}
	}
	if remedy("SomethingNew", "kubectl describe it") != "kubectl describe it" {
		t.Error("a reason that is new has no remedy")
	}
}

func TestPods(t *testing.T) {
	r := Assess(Facts{Broker: broker(nil), Overview: &api.Overview{}, Pods: []corev1.Pod{pod(true, func(p *corev1.Pod) {
		p.DeletionTimestamp = new(metav1.NewTime(now))
		p.Spec.NodeName = "n"
		p.CreationTimestamp = metav1.NewTime(now)
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 2}}
	})}})
	want := []Pod{{Name: "edge-0", Phase: "Terminating", Ready: true, Restarts: 2, Node: "n", Since: now}}
	if diff := cmp.Diff(want, r.Pods); diff != "" || r.Ready != "Unknown" {
		t.Error(diff, r.Ready)
	}
	if text := fmt.Sprint(*r.Users); text != "{0 0}" {
		t.Error(text)
	}
}
