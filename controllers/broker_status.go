package controllers

import (
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// writeStatus puts what the pass found into the Broker's status.
func (s *brokerScope) writeStatus() {
	b, status := s.broker, &s.broker.Status
	status.ObservedGeneration = b.Generation
	status.Selector = labels.SelectorFromSet(children.Selector(b)).String()
	status.Image = s.image
	status.Listeners = listenerAddresses(b)
	status.CASecretName = s.certs.caSecret
	status.CertificateNotAfter = nil
	if !s.certs.notAfter.IsZero() {
		status.CertificateNotAfter = &metav1.Time{Time: s.certs.notAfter}
	}
	status.Replicas, status.ReadyReplicas = 0, 0
	if s.statefulSet != nil {
		status.Replicas, status.ReadyReplicas = s.statefulSet.Status.Replicas, s.statefulSet.Status.ReadyReplicas
	}
	if s.load.loaded {
		status.AuthRevision = s.bundle.Revision
	}
	if s.certs.ready.status != "" {
		setCondition(&status.Conditions, v1alpha1.ConditionCertificatesReady, b.Generation, s.certs.ready)
	}
	ready, busy := s.ready()
	setReady(&status.Conditions, b.Generation, ready, busy)
}

// ready is the Ready condition, and what is under way though the Broker is ready.
func (s *brokerScope) ready() (outcome, string) {
	if s.fault != nil {
		return no(s.fault.reason, s.fault.message), ""
	}
	if s.certs.ready.status != metav1.ConditionTrue {
		return no(s.certs.ready.reason, s.certs.ready.message), ""
	}
	if trouble := s.podTrouble(); trouble != "" {
		return no(v1alpha1.ReasonPodsNotReady, trouble), ""
	}
	if children.Replicas(s.broker) == 0 {
		return yes(v1alpha1.ReasonStopped, "Stopped, because spec.replicas is 0"), ""
	}
	if s.load.loaded {
		return yes(v1alpha1.ReasonAsExpected, "The broker serves the current configuration, users and ACLs"), ""
	}
	if s.broker.Status.AuthRevision == "" || s.load.overdue {
		return no(v1alpha1.ReasonWaitingForPods, s.load.waiting), ""
	}
	return yes(v1alpha1.ReasonAsExpected, "The broker serves; it is loading changed users or ACLs"), s.load.waiting
}

// podTrouble says why the pods are not all there at the current generation; empty if they are.
func (s *brokerScope) podTrouble() string {
	sts, want := s.statefulSet, children.Replicas(s.broker)
	if sts == nil || s.applied || sts.Status.ObservedGeneration != sts.Generation {
		return "The pods are being brought to the current configuration"
	}
	for i := range s.pods {
		if !podReady(&s.pods[i]) {
			return fmt.Sprintf("Pod %s %s", s.pods[i].Name, whyNotReady(&s.pods[i]))
		}
	}
	updated := sts.Status.CurrentRevision == sts.Status.UpdateRevision || sts.Status.UpdatedReplicas == want
	if sts.Status.Replicas != want || sts.Status.ReadyReplicas != want || len(s.pods) != int(want) || !updated {
		return "The pods are being brought to the current configuration"
	}
	return ""
}

// whyNotReady is a short reason that doesn't change while a pod goes on failing in the same way.
func whyNotReady(pod *corev1.Pod) string {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return "cannot be scheduled: " + c.Message
		}
	}
	for _, c := range pod.Status.ContainerStatuses {
		if c.LastTerminationState.Terminated != nil && c.State.Running == nil {
			return fmt.Sprintf("keeps ending: see kubectl logs -n %s %s", pod.Namespace, pod.Name)
		}
		if c.State.Waiting == nil {
			continue
		}
		switch c.State.Waiting.Reason {
		case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName":
			return "cannot get its image " + c.Image
		case "CreateContainerConfigError", "CreateContainerError":
			return "cannot start: " + c.State.Waiting.Message
		}
	}
	return "is not ready yet"
}

func listenerAddresses(b *v1alpha1.Broker) []v1alpha1.ListenerStatus {
	out := make([]v1alpha1.ListenerStatus, len(b.Spec.Listeners))
	for i, l := range b.Spec.Listeners {
		address := net.JoinHostPort(children.Host(b), strconv.Itoa(int(l.Port)))
		out[i] = v1alpha1.ListenerStatus{Name: l.Name, Address: address}
	}
	return out
}
