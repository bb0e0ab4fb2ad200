package controllers

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// writeStatus puts what the pass found into the Broker's status.
func (s *brokerScope) writeStatus() {
	b, status := s.broker, &s.broker.Status
	status.ObservedGeneration = b.Generation
	status.Selector = labels.SelectorFromSet(children.Selector(b)).String()
	status.Image = s.image
	status.Listeners = s.listenerAddresses()
	status.CASecretName = s.certs.caSecret
	status.CertificateNotAfter = nil
	if !s.certs.notAfter.IsZero() {
		status.CertificateNotAfter = &metav1.Time{Time: s.certs.notAfter}
	}
	status.Replicas, status.ReadyReplicas = 0, 0
	if s.statefulSet != nil {
		status.Replicas, status.ReadyReplicas = s.statefulSet.Status.Replicas, s.statefulSet.Status.ReadyReplicas
	}
	if s.load.auth {
		status.AuthRevision = s.authRevision
	}
	s.writeCAStatus()
	if s.certs.ready.status != "" {
		setCondition(&status.Conditions, v1alpha1.ConditionCertificatesReady, b.Generation, s.certs.ready)
	}
	status.VolumeSize = s.storage.requested
	s.writeRollout()
	s.writeMonitored()
	s.writeRouted()
	s.writeAccounts()
	setAbnormal(&status.Conditions, v1alpha1.ConditionNotEnforced, b.Generation, b.Spec.Authorization.Enforcement == config.EnforcementAudit,
		yes(v1alpha1.ReasonAudit, "spec.authorization.enforcement is Audit: what access rules deny is told, and happens all the same"))
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
	if trouble := s.podTrouble(); trouble != nil {
		return *trouble, ""
	}
	if s.storage.fault != nil {
		return *s.storage.fault, ""
	}
	if len(s.held) > 0 {
		return yes(v1alpha1.ReasonPaused, "The broker serves, by an earlier spec"), "Paused: " + s.heldBack()
	}
	if children.Replicas(s.broker) == 0 {
		return yes(v1alpha1.ReasonStopped, "Stopped, because spec.replicas is 0"), ""
	}
	if s.load.loaded {
		return yes(v1alpha1.ReasonAsExpected, "The broker serves the current configuration, users and ACLs"), s.storage.growing
	}
	if s.broker.Status.AuthRevision == "" || s.load.overdue {
		return no(v1alpha1.ReasonWaitingForPods, s.load.waiting), ""
	}
	return yes(v1alpha1.ReasonAsExpected, "The broker serves; it is loading what has changed"), s.load.waiting
}
