package controllers

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

const (
	// failuresToStall is how often a broker must have ended before that is said to be for good.
	failuresToStall = 3
	// exitConfiguration is the broker's exit code for a configuration that it refuses.
	exitConfiguration = 2
	// storeFull is in what a broker says whose volume is full.
	storeFull = "the store is full"
	// maxLastWords bounds what is quoted of a broker's log, in bytes.
	maxLastWords = 1 << 10
)

// podTrouble says why the pods are not all there at the current generation; nil if they are. Its
// messages don't change while a pod goes on failing in the same way.
func (s *brokerScope) podTrouble() *outcome {
	sts, want := s.statefulSet, children.Replicas(s.broker)
	moving := no(v1alpha1.ReasonPodsNotReady, "The pods are being brought to the current configuration")
	if sts == nil || s.applied || sts.Status.ObservedGeneration != sts.Generation {
		return &moving
	}
	for i := range s.pods {
		if pod := &s.pods[i]; !podReady(pod) {
			reason, why := whyNotReady(pod, s.excuses[pod.Name])
			trouble := no(reason, fmt.Sprintf("Pod %s %s", pod.Name, why))
			return &trouble
		}
	}
	if s.podRefused != "" {
		refused := no(v1alpha1.ReasonPodRefused, s.podRefused)
		return &refused
	}
	updated := sts.Status.CurrentRevision == sts.Status.UpdateRevision || sts.Status.UpdatedReplicas == want
	if sts.Status.Replicas != want || sts.Status.ReadyReplicas != want || len(s.pods) != int(want) || !updated {
		return &moving
	}
	return nil
}

// whyNotReady is the reason of a condition, and what follows the pod's name in its message. excuse is what its broker
// says; "": nothing.
func whyNotReady(pod *corev1.Pod, excuse string) (reason, why string) {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return v1alpha1.ReasonPodsNotReady, "cannot be scheduled: " + c.Message
		}
	}
	for i := range pod.Status.ContainerStatuses {
		c := &pod.Status.ContainerStatuses[i]
		if ended := lastEnd(c); ended != nil && c.State.Running == nil {
			return whyEnded(c, ended)
		}
		if waiting := c.State.Waiting; waiting != nil {
			if reason, why = whyWaiting(c, waiting); why != "" {
				return reason, why
			}
		}
	}
	switch {
	case strings.Contains(excuse, storeFull):
		return v1alpha1.ReasonStoreFull, "takes no more messages: " + excuse + ": raise spec.persistence.size, or end sessions that nobody comes back to"
	case excuse != "":
		return v1alpha1.ReasonPodsNotReady, "is not ready: " + excuse
	}
	return v1alpha1.ReasonPodsNotReady, "is not ready yet"
}

// lastEnd is how the container ended the last time; nil if it never did.
func lastEnd(c *corev1.ContainerStatus) *corev1.ContainerStateTerminated {
	if c.State.Terminated != nil {
		return c.State.Terminated
	}
	return c.LastTerminationState.Terminated
}

// whyEnded quotes a broker's last words. A configuration that it refuses is the user's to change, and
// so is what has ended it several times.
func whyEnded(c *corev1.ContainerStatus, ended *corev1.ContainerStateTerminated) (reason, why string) {
	switch {
	case ended.Reason == "OOMKilled":
		why = "was killed, because it needs more memory than podTemplate.resources.limits.memory"
	case ended.ExitCode == exitConfiguration:
		why = "refuses its configuration"
	default:
		why = fmt.Sprintf("keeps ending with exit code %d", ended.ExitCode)
	}
	if words := lastWords(ended.Message); words != "" {
		why += ": " + words
	}
	if ended.ExitCode == exitConfiguration || c.RestartCount >= failuresToStall {
		return v1alpha1.ReasonBrokerFails, why
	}
	return v1alpha1.ReasonPodsNotReady, why
}

func whyWaiting(c *corev1.ContainerStatus, waiting *corev1.ContainerStateWaiting) (reason, why string) {
	switch waiting.Reason {
	case "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName":
		return v1alpha1.ReasonImageUnavailable, fmt.Sprintf("cannot get its image %s: %s", c.Image, imageError(waiting))
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		return v1alpha1.ReasonBrokerFails, "cannot start: " + waiting.Message
	}
	return "", ""
}

// imageError is the registry's answer, which the kubelet says alone and, while it waits to ask again,
// behind words of its own.
func imageError(waiting *corev1.ContainerStateWaiting) string {
	const announced = "ErrImagePull: "
	if _, answer, ok := strings.Cut(waiting.Message, announced); ok {
		return answer
	}
	if waiting.Message == "" {
		return waiting.Reason
	}
	return waiting.Message
}

// lastWords is the last line of a broker's log, without the time: of a JSON line its message and
// reason, of another one what can be printed.
func lastWords(text string) string {
	text = strings.TrimSpace(text)
	line := strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
	var entry struct {
		Message string `json:"msg"`
		Reason  string `json:"reason"`
	}
	if json.Unmarshal([]byte(line), &entry) == nil && entry.Message != "" {
		line = entry.Message
		if entry.Reason != "" {
			line += ": " + entry.Reason
		}
	}
	line = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, line)
	return cut(line, maxLastWords)
}

// refusedPods is why a StatefulSet got no pod, if the last that its events say of that is that it
// got none; "" otherwise.
func refusedPods(events []corev1.Event) string {
	var last *corev1.Event
	for i := range events {
		e := &events[i]
		if e.Reason != "FailedCreate" && e.Reason != "SuccessfulCreate" {
			continue
		}
		if last == nil || eventTime(last).Before(eventTime(e)) {
			last = e
		}
	}
	if last == nil || last.Reason != "FailedCreate" {
		return ""
	}
	return "There is no pod: " + last.Message
}

func eventTime(e *corev1.Event) *metav1.Time {
	if e.LastTimestamp.IsZero() {
		return &metav1.Time{Time: e.EventTime.Time}
	}
	return &e.LastTimestamp
}
