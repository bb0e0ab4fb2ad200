package pki_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// step is one look at an Authority.
func step(t *testing.T, a pki.Authority, asked string, at time.Time) (pki.Authority, string) {
	t.Helper()
	next, did, err := a.Step("edge.default", asked, day, at)
	if err != nil {
		t.Fatal(err)
	}
	return next, did
}

// TestAuthorityRotates: at each step what is trusted has been told before it is used, and used no more before it goes.
func TestAuthorityRotates(t *testing.T) {
	a, did := step(t, pki.Authority{}, "", now)
	first := a.Current
	if did != "made a CA" || len(a.Trusted()) != 1 || a.Rotating(day) != "" {
		t.Fatalf("%s: %d trusted", did, len(a.Trusted()))
	}
	due := now.Add(10 * 365 * day / 3 * 2)
	if at := a.StepAt(day); at.Before(due.Add(-time.Hour)) || at.After(due) {
		t.Errorf("next step at %s", at)
	}
	if same, did := step(t, a, "", due.Add(-time.Hour)); did != "" || !bytes.Equal(same.Bundle(), a.Bundle()) {
		t.Errorf("too early: %s", did)
	}
	for name, asked := range map[string]struct {
		asked string
		at    time.Time
	}{"in time": {"", due}, "when asked": {"please", now.Add(day)}} {
		t.Run(name, func(t *testing.T) {
			at := asked.at
			told, _ := step(t, a, asked.asked, at)
			if !bytes.Equal(told.Current.CertPEM, first.CertPEM) || len(told.Trusted()) != 2 || !strings.Contains(told.Rotating(day), "beside") {
				t.Fatalf("told: %d trusted, %s", len(told.Trusted()), told.Rotating(day))
			}
			if _, did := step(t, told, asked.asked, at.Add(day-time.Second)); did != "" {
				t.Errorf("too early: %s", did)
			}
			if at := told.StepAt(day); !at.Equal(asked.at.Add(day)) {
				t.Errorf("next step at %s", at)
			}
			moved, _ := step(t, told, asked.asked, at.Add(day))
			if !bytes.Equal(moved.Current.CertPEM, told.Next.CertPEM) || !bytes.Equal(moved.Previous.CertPEM, first.CertPEM) || len(moved.Trusted()) != 2 {
				t.Fatal("the next CA does not sign, or the first is not trusted")
			}
			if bytes.Equal(moved.Bundle(), told.Bundle()) {
				t.Error("nobody who watches the bundle learns that the next CA signs")
			}
			done, _ := step(t, moved, asked.asked, at.Add(2*day))
			if len(done.Trusted()) != 1 || !bytes.Equal(done.Current.CertPEM, moved.Current.CertPEM) || !done.Since.IsZero() {
				t.Fatalf("%d trusted in the end", len(done.Trusted()))
			}
			if _, did := step(t, done, asked.asked, at.Add(3*day)); did != "" {
				t.Errorf("it begins again: %s", did)
			}
			if _, did := step(t, done, "once more", at.Add(3*day)); did == "" {
				t.Error("it does not rotate when asked again")
			}
		})
	}
}

func TestAuthoritySpoiled(t *testing.T) {
	a, _ := step(t, pki.Authority{}, "", now)
	told, _ := step(t, a, "x", now)
	spoiled := told
	spoiled.Next.KeyPEM = a.Current.KeyPEM
	if again, did := step(t, spoiled, "x", now.Add(day)); !strings.Contains(did, "spoiled") || !bytes.Equal(again.Current.CertPEM, a.Current.CertPEM) {
		t.Errorf("a spoiled next CA: %s", did)
	}
	moved, _ := step(t, told, "x", now.Add(day))
	moved.Previous.CertPEM = []byte("spoiled")
	if again, _ := step(t, moved, "x", now.Add(day)); len(again.Trusted()) != 1 {
		t.Error("a spoiled previous CA is trusted")
	}
	broken := a
	broken.Current.CertPEM = []byte("spoiled")
	if _, _, err := broken.Step("edge", "", day, now); err == nil {
		t.Error("a spoiled CA is replaced by itself")
	}
}

func TestReissueClientKeepsTheKey(t *testing.T) {
	ca, other := newCA(t), newCA(t)
	p, err := pki.IssueClient(ca, "dunlin-operator", day, now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := pki.ReissueClient(other, p, "dunlin-operator", day, now)
	if err != nil {
		t.Fatal(err)
	}
	one, _ := pki.KeyPin(p.CertPEM)
	two, _ := pki.KeyPin(again.CertPEM)
	if _, err := pki.CheckPair(again, other.CertPEM, nil, now); err != nil || one != two {
		t.Errorf("pins %s, %s: %v", one, two, err)
	}
	fresh, err := pki.ReissueClient(other, pki.Pair{KeyPEM: []byte("spoiled")}, "dunlin-operator", day, now)
	if err != nil || len(fresh.KeyPEM) == 0 {
		t.Errorf("with a spoiled key: %v", err)
	}
}

func TestExpiring(t *testing.T) {
	leaf := parse(t, issueServer(t, newCA(t), "a.example").CertPEM) // 90 days
	for at, want := range map[time.Duration]bool{0: false, 74 * day: false, 76 * day: true, 91 * day: true} {
		if got := pki.Expiring(leaf, now.Add(at)); got != want {
			t.Errorf("after %s: %v", at, got)
		}
	}
}
