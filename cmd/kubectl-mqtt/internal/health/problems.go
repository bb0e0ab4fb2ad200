package health

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// expiring is how long before its end a certificate is a problem: the operator renews at two thirds of its life, so
// that one of 90 days has 30 then.
const expiring = 14 * 24 * time.Hour

// remedies are what to do, by the reason of a condition.
var remedies = map[string]string{
	v1alpha1.ReasonSecretNotFound:      "make the Secret that it names, or correct the name",
	v1alpha1.ReasonInvalidCertificate:  "put a certificate and key that fit into the Secret of spec.tls.secretName",
	v1alpha1.ReasonInvalidSecret:       "correct the Secret: the message says what is wrong with it",
	v1alpha1.ReasonInvalidPasswordHash: "make the hash anew: kubectl mqtt passwd",
	v1alpha1.ReasonInvalidRules:        "correct spec.rules: kubectl mqtt validate -f FILE checks them offline",
	v1alpha1.ReasonBrokerNotFound:      "correct spec.brokerRef, which needs a new object, or make the Broker",
	v1alpha1.ReasonNamespaceNotAllowed: "let the Broker allow the namespace: spec.allowedNamespaces",
	v1alpha1.ReasonUsernameTaken:       "give it another spec.username, or delete the other User",
	v1alpha1.ReasonConflict:            "another object has the name of a child: rename the Broker or that object",
	v1alpha1.ReasonBundleTooLarge:      "there are more users and rules than Secrets hold: merge ACLs by groups",
	v1alpha1.ReasonInvalidConfig:       "correct the Broker's spec: the message names the field",
	v1alpha1.ReasonPodsNotReady:        "see the pods below: kubectl describe pod, and their logs",
	v1alpha1.ReasonWaitingForPods:      "the pods have not loaded it yet: it takes a second; if it stays, see the pods",
	v1alpha1.ReasonWaitingForBroker:    "it waits for the Broker: see what is wrong with that",
	v1alpha1.ReasonProgressing:         "the operator is at it, or does not run: kubectl get pods -A -l app.kubernetes.io/name=dunlin",
}

func remedy(reason, otherwise string) string {
	if text, ok := remedies[reason]; ok {
		return text
	}
	return otherwise
}

// unreachableRemedy is what to do about an admin API that does not answer.
func unreachableRemedy(f Facts) string {
	if f.Broker == nil {
		return "is kubectl-mqtt run still running?"
	}
	if len(f.Pods) == 0 {
		return "there is no pod: see the Broker's conditions"
	}
	return "what the message says; kubectl logs of the pod may say more"
}

// broker adds what the Broker's conditions and certificate say.
func (r *Report) broker(b *v1alpha1.Broker, now time.Time) {
	r.Ready = string(metav1.ConditionUnknown)
	for _, c := range b.Status.Conditions {
		switch {
		case c.Type == v1alpha1.ConditionReady:
			if r.Ready = string(c.Status); c.Reason == v1alpha1.ReasonStopped {
				r.add(Warning, c.Reason, "the Broker is stopped: spec.replicas is 0", "scale it: kubectl scale broker "+b.Name+" --replicas=1")
			} else if c.Status != metav1.ConditionTrue {
				r.add(Error, c.Reason, fmt.Sprintf("the Broker is not Ready: %s", c.Message), remedy(c.Reason, "kubectl describe broker "+b.Name))
			}
		case c.Type == v1alpha1.ConditionCertificatesReady && c.Status == metav1.ConditionFalse:
			r.add(Error, c.Reason, "there is no valid server certificate: "+c.Message, remedy(c.Reason, "kubectl describe broker "+b.Name))
		}
	}
	if end := b.Status.CertificateNotAfter; end != nil && r.Overview == nil { // else the broker has said what it serves
		r.certificate(end.Time, now)
	}
}

func (r *Report) certificate(end, now time.Time) {
	left := end.Sub(now)
	switch {
	case left <= 0:
		r.add(Error, "CertificateExpired", "the server certificate expired on "+day(end), "renew it, or see why the operator does not: kubectl mqtt certs")
	case left < expiring:
		r.add(Warning, "CertificateExpiring", fmt.Sprintf("the server certificate expires on %s, in %d days", day(end), int(left/(24*time.Hour))),
			"renew it, or see why the operator does not: kubectl mqtt certs")
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// applied adds an object to a, and to the problems if it is not applied.
func (r *Report) applied(a *Applied, name string, generation, observed int64, conditions []metav1.Condition) {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		r.add(Error, v1alpha1.ReasonProgressing, name+" was never looked at", remedies[v1alpha1.ReasonProgressing])
	case ready.Reason == v1alpha1.ReasonSuspended:
		a.Applied++ // it is kept out, as it says
	case ready.Status == metav1.ConditionTrue && observed == generation:
		a.Applied++
	case ready.Status == metav1.ConditionTrue:
		r.add(Warning, v1alpha1.ReasonProgressing, name+" was changed, and what is in force is as it was before", remedies[v1alpha1.ReasonProgressing])
	default:
		r.add(Error, ready.Reason, fmt.Sprintf("%s is not applied: %s", name, ready.Message), remedy(ready.Reason, "kubectl describe it"))
	}
}

// pod adds a pod, and what is wrong with it.
func (r *Report) pod(p *corev1.Pod) {
	pod := Pod{Name: p.Name, Phase: string(p.Status.Phase), Node: p.Spec.NodeName, Since: p.CreationTimestamp.Time}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			pod.Ready = c.Status == corev1.ConditionTrue
		}
	}
	waits := ""
	for _, c := range p.Status.ContainerStatuses {
		pod.Restarts += c.RestartCount
		if w := c.State.Waiting; w != nil && w.Reason != "" {
			pod.Phase, waits = w.Reason, w.Message
		}
		if t := c.LastTerminationState.Terminated; t != nil && t.Reason == "OOMKilled" {
			r.add(Warning, "OutOfMemory", fmt.Sprintf("pod %s was killed at %s: it used more memory than its limit", p.Name, t.FinishedAt.UTC().Format(time.RFC3339)),
				"raise spec.podTemplate.resources.limits.memory, or lower the queue limits")
		}
	}
	if p.DeletionTimestamp != nil {
		pod.Phase = "Terminating"
	}
	if !pod.Ready {
		message := fmt.Sprintf("pod %s does not serve: it is %s", p.Name, pod.Phase)
		if waits == "" {
			waits = unscheduled(p)
		}
		if waits != "" {
			message += ": " + waits
		}
		r.add(Error, "PodNotReady", message, "kubectl describe pod "+p.Name+", and kubectl logs "+p.Name)
	}
	r.Pods = append(r.Pods, pod)
}

// unscheduled is why a pod has no node.
func unscheduled(p *corev1.Pod) string {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	return ""
}
