package render_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// rotating is a User with the schedule and grace period in seconds.
func rotating(every, grace int64, asked string) *v1alpha1.User {
	u := &v1alpha1.User{}
	u.Spec.Authentication.Password.GracePeriodSeconds = grace
	u.Spec.Authentication.Password.Generate = &v1alpha1.GeneratePassword{RotateEverySeconds: every}
	if asked != "" {
		u.Annotations = map[string]string{v1alpha1.AnnotationRotatePassword: asked}
	}
	return u
}

func TestRotationAfter(t *testing.T) {
	one, two := []string{"hash1", "SCRAM-SHA-256$1"}, []string{"hash2"}
	minute := start.Add(time.Minute)
	during := render.Rotation{Changed: start, Previous: one, Until: start.Add(2 * time.Minute)}
	for name, c := range map[string]struct {
		was        render.Rotation
		user       *v1alpha1.User
		old, lines []string
		now        time.Time
		want       render.Rotation
	}{
		"plain, first":          {render.Rotation{}, rotating(0, 0, ""), nil, one, start, render.Rotation{}},
		"plain, changed":        {render.Rotation{}, rotating(0, 0, ""), one, two, start, render.Rotation{}},
		"first":                 {render.Rotation{}, rotating(600, 60, ""), nil, one, start, render.Rotation{Changed: start}},
		"seen before":           {render.Rotation{}, rotating(600, 60, ""), one, one, start, render.Rotation{Changed: start}},
		"changed":               {render.Rotation{Changed: start}, rotating(600, 120, ""), one, two, start, during},
		"changed, no grace":     {render.Rotation{Changed: start}, rotating(600, 0, ""), one, two, minute, render.Rotation{Changed: minute}},
		"during":                {during, rotating(600, 120, ""), two, two, minute, during},
		"over":                  {during, rotating(600, 120, ""), two, two, start.Add(2 * time.Minute), render.Rotation{Changed: start}},
		"grace taken back":      {during, rotating(600, 0, ""), two, two, minute, render.Rotation{Changed: start}},
		"grace shorter":         {during, rotating(600, 30, ""), two, two, minute, render.Rotation{Changed: start, Previous: one, Until: minute.Add(30 * time.Second)}},
		"asked":                 {render.Rotation{}, rotating(0, 0, "x"), one, two, start, render.Rotation{Asked: "x"}},
		"no password any more":  {during, rotating(600, 120, ""), two, nil, minute, render.Rotation{Changed: start}},
		"the clock is set back": {during, rotating(600, 120, ""), two, two, start.Add(-time.Hour), render.Rotation{Changed: start.Add(-time.Hour), Previous: one, Until: start.Add(-58 * time.Minute)}},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.was.After(c.user, c.old, c.lines, c.now)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(got, render.ParseRotation(got.Encode())); diff != "" {
				t.Errorf("encoded: %s", diff)
			}
		})
	}
}

func TestRotationDue(t *testing.T) {
	for name, c := range map[string]struct {
		was  render.Rotation
		user *v1alpha1.User
		now  time.Time
		want bool
	}{
		"no schedule":   {render.Rotation{Changed: start}, rotating(0, 0, ""), start.Add(time.Hour), false},
		"not yet":       {render.Rotation{Changed: start}, rotating(600, 0, ""), start.Add(599 * time.Second), false},
		"now":           {render.Rotation{Changed: start}, rotating(600, 0, ""), start.Add(600 * time.Second), true},
		"never seen":    {render.Rotation{}, rotating(600, 0, ""), start, false},
		"asked":         {render.Rotation{}, rotating(0, 0, "x"), start, true},
		"asked already": {render.Rotation{Asked: "x"}, rotating(0, 0, "x"), start, false},
		"asked again":   {render.Rotation{Asked: "x"}, rotating(0, 0, "y"), start, true},
	} {
		if got := c.was.Due(c.user, c.now); got != c.want {
			t.Errorf("%s: due %v, want %v", name, got, c.want)
		}
	}
}

// TestPreviousLines: Mosquitto takes the last hash, and our SCRAM the first keys: both the current ones.
func TestPreviousLines(t *testing.T) {
	a := render.Account{
		Username: "ann", PasswordHash: "new", ScramKeys: []string{"SCRAM-SHA-256$new"}, Previous: []string{"old", "SCRAM-SHA-256$old"},
	}
	want := "ann:old\nann:new\nann:SCRAM-SHA-256$new\nann:SCRAM-SHA-256$old\n"
	if diff := cmp.Diff(want, string(render.AccountLines(a))); diff != "" {
		t.Error(diff)
	}
}
