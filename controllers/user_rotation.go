package controllers

import (
	"fmt"
	"time"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// writeRotation says in the status when the password changes next, and until when the one of before works. After a
// fault nothing is known, and what was said stays.
func (s *userScope) writeRotation() {
	if s.fault != nil {
		return
	}
	status, until := &s.user.Status, s.rotation.Until
	status.NextRotation, status.PreviousPasswordUntil = timeOf(s.rotation.Next(s.user)), timeOf(until)
	setAbnormal(&status.Conditions, v1alpha1.ConditionPasswordChanging, s.user.Generation, !until.IsZero(),
		no(v1alpha1.ReasonGracePeriod, fmt.Sprintf("The password was changed; the one of before works until %s", until.Format(time.RFC3339))))
}
