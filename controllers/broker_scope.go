package controllers

import (
	"crypto/tls"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// brokerScope is what one pass over a Broker has found so far.
type brokerScope struct {
	broker *v1alpha1.Broker
	image  string
	now    time.Time

	// authority is the Broker's own CA, and adminClient the operator's way to the admin API with it.
	authority   pki.Authority
	adminClient *tls.Config
	// keyPin is the pin of the operator's client key.
	keyPin string
	certs  certificates
	// config is the broker's configuration file, and static the part of it that needs a restart.
	config, static []byte
	// authRevision is the revision of the users and rules that this pass has written; "": it has not.
	authRevision string
	// clientTrust identifies what client certificates of the own CA are verified by; "": they are not.
	clientTrust string
	// fault is what ended the phases early; nil is none.
	fault *faultError

	// statefulSet is nil while there is none; applied says that this pass changed it, so that its
	// status is of the past.
	statefulSet *appsv1.StatefulSet
	applied     bool
	pods        []corev1.Pod
	load        loadState
	storage     storage
	services    []corev1.Service
	// held is what a paused Broker's pass did not bring to what the spec says.
	held []string
	// podRefused is why the StatefulSet's controller can't make pods; "" if it can.
	podRefused string
	// excuses is what brokers that run and are not ready say of that, by the pod's name.
	excuses map[string]string
	// retry is when to look again though nothing that is watched changes; 0 is never.
	retry time.Duration
	// monitored is the Monitored condition; zero if none was decided.
	monitored outcome
	// accounts is the ServiceAccountsReady condition; zero if none was decided.
	accounts outcome
	// routed is the Routed condition; zero if none was decided.
	routed outcome
}

// newBrokerScope starts from what the status says of the certificates, until the pass knows better.
func newBrokerScope(b *v1alpha1.Broker, defaultImage string, now time.Time) *brokerScope {
	s := &brokerScope{broker: b, image: defaultImage, now: now}
	if b.Spec.Image != "" {
		s.image = b.Spec.Image
	}
	s.certs.caSecret = b.Status.CASecretName
	if last := b.Status.CertificateNotAfter; last != nil {
		s.certs.notAfter = last.Time
	}
	return s
}

// certificates is what the pass found about the server certificate.
type certificates struct {
	// ready is the CertificatesReady condition.
	ready outcome
	// mounted says that a pair is in the Secret that the pods mount, good or once good.
	mounted bool
	// more are the pairs beside that one, which the pods mount too, by the names of the user's Secrets that they come from;
	// moreFault is what is wrong with one of those: nil, nothing.
	more      map[string]children.Pair
	moreFault *outcome
	// notAfter is when the pair in that Secret expires; zero if it can't be read.
	notAfter time.Time
	// expiring says which certificate should have been renewed by now; empty: none.
	expiring string
	// caNotAfter is when the own CA expires; zero if it can't be read.
	caNotAfter time.Time
	// caSecret is the Secret with the CA for clients; "" is none.
	caSecret string
	// wake is when something has to be renewed, or expires.
	wake time.Time
}

// wakeAt notes that the Broker is to be looked at by t at the latest.
func (c *certificates) wakeAt(t time.Time) {
	if c.wake.IsZero() || t.Before(c.wake) {
		c.wake = t
	}
}

// requeueAfter is when the pass must be repeated though nothing that is watched changes; 0 is never.
func (s *brokerScope) requeueAfter() time.Duration {
	if s.fault != nil {
		s.wake(faultRetry(s.fault.reason))
	}
	if s.storage.fault != nil {
		s.wake(faultRetry(s.storage.fault.reason))
	}
	s.wake(s.load.retry)
	if s.monitored.reason == v1alpha1.ReasonKindNotFound {
		s.wake(kindRetry)
	}
	if !s.certs.wake.IsZero() {
		s.wake(max(s.certs.wake.Sub(s.now), time.Second))
	}
	return s.retry
}

// wake asks for another pass after d at the latest; 0 asks for nothing.
func (s *brokerScope) wake(d time.Duration) {
	if d > 0 && (s.retry == 0 || d < s.retry) {
		s.retry = d
	}
}
