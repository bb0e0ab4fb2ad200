package controllers

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// outcome is what a pass concluded about one condition.
type outcome struct {
	status          metav1.ConditionStatus
	reason, message string
}

func yes(reason, message string) outcome {
	return outcome{status: metav1.ConditionTrue, reason: reason, message: message}
}

func no(reason, message string) outcome {
	return outcome{status: metav1.ConditionFalse, reason: reason, message: message}
}

// stalledReasons are the reasons of Ready=False that only a change by the user can help; all
// others are on their way.
var stalledReasons = map[string]bool{
	v1alpha1.ReasonSecretNotFound:      true,
	v1alpha1.ReasonInvalidCertificate:  true,
	v1alpha1.ReasonInvalidSecret:       true,
	v1alpha1.ReasonInvalidPasswordHash: true,
	v1alpha1.ReasonInvalidRules:        true,
	v1alpha1.ReasonInvalidConfig:       true,
	v1alpha1.ReasonTestsFailed:         true,
	v1alpha1.ReasonBrokerNotFound:      true,
	v1alpha1.ReasonNamespaceNotAllowed: true,
	v1alpha1.ReasonUsernameTaken:       true,
	v1alpha1.ReasonConflict:            true,
	v1alpha1.ReasonBundleTooLarge:      true,
	v1alpha1.ReasonNamespaceNotServed:  true,
	v1alpha1.ReasonRefused:             true,
	v1alpha1.ReasonImageUnavailable:    true,
	v1alpha1.ReasonBrokerFails:         true,
	v1alpha1.ReasonPodRefused:          true,
	v1alpha1.ReasonStoreFull:           true,
	v1alpha1.ReasonVolumeNotExpandable: true,
	v1alpha1.ReasonClientAuthOff:       true,
	v1alpha1.ReasonLedgerTooLarge:      true,
	v1alpha1.ReasonNoCertManager:       true,
}

// setCondition sets one condition; its transition time moves only when its status does.
func setCondition(conditions *[]metav1.Condition, kind string, generation int64, o outcome) {
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: kind, Status: o.status, Reason: o.reason, Message: cut(o.message, maxConditionBytes), ObservedGeneration: generation,
	})
}

// setReady sets Ready and the two kstatus conditions that follow from it. busy, if not empty, is
// what is still under way though the object is ready.
func setReady(conditions *[]metav1.Condition, generation int64, ready outcome, busy string) {
	setCondition(conditions, v1alpha1.ConditionReady, generation, ready)
	stalled := ready.status != metav1.ConditionTrue && stalledReasons[ready.reason]
	setAbnormal(conditions, v1alpha1.ConditionStalled, generation, stalled, ready)
	if ready.status == metav1.ConditionTrue {
		setAbnormal(conditions, v1alpha1.ConditionReconciling, generation, busy != "", no(v1alpha1.ReasonProgressing, busy))
		return
	}
	setAbnormal(conditions, v1alpha1.ConditionReconciling, generation, !stalled, ready)
}

// setAbnormal sets a condition that is there only while it is true.
func setAbnormal(conditions *[]metav1.Condition, kind string, generation int64, is bool, why outcome) {
	if !is {
		removeCondition(conditions, kind)
		return
	}
	setCondition(conditions, kind, generation, yes(why.reason, why.message))
}

func removeCondition(conditions *[]metav1.Condition, kind string) {
	meta.RemoveStatusCondition(conditions, kind)
}
