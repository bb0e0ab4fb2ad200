package controllers

import (
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

const (
	// conflictRetry is how often a name that somebody else holds is looked at again: the holder is
	// not watched.
	conflictRetry = 30 * time.Second
	// refusedRetry is how often what the API server refuses is tried again: quotas, policies and
	// rights are not watched.
	refusedRetry = 30 * time.Second
	// goneRetry is how often a child of a deleted owner, which is about to go, is looked at again,
	// should its deletion be missed.
	goneRetry = 2 * time.Second
)

// The API server's bounds on what a condition and an event say, in bytes.
const (
	maxConditionBytes = 32 << 10
	maxEventBytes     = 1 << 10
)

// faultError ends a pass, and becomes its conditions: mostly a mistake that only the user can put
// right (stalledReasons).
type faultError struct {
	reason, message string
}

// Error is the message of the condition.
func (e *faultError) Error() string { return e.message }

// asFault is the fault in err: its own, a taken name, or what the API server does not take: an object
// that it finds invalid because the spec's pod template or Service asks for something impossible, or
// one that a quota, a policy or the operator's rights forbid. nil: err is to be tried again.
func asFault(err error) *faultError {
	if fault, ok := errors.AsType[*faultError](err); ok {
		return fault
	}
	if conflict, ok := errors.AsType[*conflictError](err); ok {
		if conflict.passing {
			return &faultError{v1alpha1.ReasonWaitingForDeletion, conflict.Error()}
		}
		return &faultError{v1alpha1.ReasonConflict, conflict.Error()}
	}
	if apierrors.IsInvalid(err) {
		return &faultError{v1alpha1.ReasonInvalidConfig, err.Error()}
	}
	if refused(err) {
		return &faultError{v1alpha1.ReasonRefused, err.Error()}
	}
	return nil
}

// refused says whether the API server has understood a request and said no, for a reason that is not
// a race with somebody else and will not pass by itself.
func refused(err error) bool {
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return false
	}
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok {
		return false
	}
	switch status.Status().Code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		return true
	}
	return false
}

// faultRetry is when to look again at what has a fault though nothing that is watched changes; 0 is never.
func faultRetry(reason string) time.Duration {
	switch reason {
	case v1alpha1.ReasonConflict:
		return conflictRetry
	case v1alpha1.ReasonRefused, v1alpha1.ReasonVolumeNotExpandable:
		return refusedRetry
	case v1alpha1.ReasonWaitingForDeletion:
		return goneRetry
	}
	return 0
}

// cut is text, or its beginning if it has more than limit bytes.
func cut(text string, limit int) string {
	const more = "..."
	if len(text) <= limit {
		return text
	}
	end := limit - len(more)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}
