package render

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// Rotation is what has to be remembered of a User's password, beside the password itself, for it to change in time and
// the one of before to work for a while. Whoever keeps the password keeps it as Encode gives it.
type Rotation struct {
	// Changed is when the password was last seen to change.
	Changed time.Time `json:"changed,omitzero"`
	// Previous are the lines of the password of before, hash and SCRAM keys; they work until Until.
	Previous []string  `json:"previous,omitempty"`
	Until    time.Time `json:"until,omitzero"`
	// Asked is the value of the annotation that the last rotation was asked for by.
	Asked string `json:"asked,omitempty"`
}

// ParseRotation reads what Encode gave. What cannot be read counts as nothing: a rotation too many does less harm
// than none.
func ParseRotation(data []byte) Rotation {
	var r Rotation
	if json.Unmarshal(data, &r) != nil {
		return Rotation{}
	}
	return r
}

// Encode is r as it is kept; nil if there is nothing to remember.
func (r Rotation) Encode() []byte {
	if r.Changed.IsZero() && len(r.Previous) == 0 && r.Asked == "" {
		return nil
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil // plain data has no way to fail
	}
	return data
}

// Due says whether u's password, which is a generated one, is to be made anew.
func (r Rotation) Due(u *v1alpha1.User, now time.Time) bool {
	if asked := u.Annotations[v1alpha1.AnnotationRotatePassword]; asked != "" && asked != r.Asked {
		return true
	}
	next := r.Next(u)
	return !next.IsZero() && !now.Before(next)
}

// Next is when the schedule makes the password anew; zero: never, or not known yet.
func (r Rotation) Next(u *v1alpha1.User) time.Time {
	g := u.Spec.Authentication.Password.Generate
	if g == nil || g.RotateEverySeconds <= 0 || r.Changed.IsZero() {
		return time.Time{}
	}
	return r.Changed.Add(time.Duration(g.RotateEverySeconds) * time.Second)
}

// After is r once the lines in force have become now's, where before they were old. None of either is a first password.
func (r Rotation) After(u *v1alpha1.User, old, lines []string, now time.Time) Rotation {
	spec := u.Spec.Authentication.Password
	grace := time.Duration(spec.GracePeriodSeconds) * time.Second
	remember := grace > 0 || spec.Generate != nil && spec.Generate.RotateEverySeconds > 0
	out := r
	out.Asked = u.Annotations[v1alpha1.AnnotationRotatePassword]
	now = now.UTC().Truncate(time.Second)
	switch {
	case len(old) > 0 && len(lines) > 0 && old[0] != lines[0]:
		out.Changed, out.Previous, out.Until = now, nil, time.Time{}
		if grace > 0 {
			out.Previous, out.Until = slices.Clone(old), now.Add(grace)
		}
	case out.Changed.IsZero() || out.Changed.After(now): // the clock was wrong
		out.Changed = now
	}
	if end := now.Add(grace); out.Until.After(end) {
		out.Until = end // the grace period was made shorter, or the clock was wrong
	}
	if !now.Before(out.Until) || len(lines) == 0 {
		out.Previous, out.Until = nil, time.Time{}
	}
	if !remember {
		out.Changed = time.Time{}
	}
	return out
}

// Lines are what a password file has for an account's password of now.
func (a Account) Lines() []string {
	if a.PasswordHash == "" {
		return nil
	}
	return append([]string{a.PasswordHash}, a.ScramKeys...)
}

// ScramOf are the SCRAM keys among lines.
func ScramOf(lines []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return !strings.HasPrefix(l, "SCRAM-") })
}
