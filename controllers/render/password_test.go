package render_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

func TestGenerated(t *testing.T) {
	source := func(s v1alpha1.PasswordSource) *v1alpha1.User {
		u := &v1alpha1.User{}
		u.Spec.Authentication.Password = s
		return u
	}
	for _, tt := range []struct {
		name   string
		user   *v1alpha1.User
		length int
		ok     bool
	}{
		{"unsaid", source(v1alpha1.PasswordSource{}), 32, true},
		{"length", source(v1alpha1.PasswordSource{Generate: &v1alpha1.GeneratePassword{Length: 64}}), 64, true},
		{"no length", source(v1alpha1.PasswordSource{Generate: &v1alpha1.GeneratePassword{}}), 32, true},
		{"Secret", source(v1alpha1.PasswordSource{SecretRef: &v1alpha1.SecretKeyRef{Name: "x"}}), 0, false},
		{"hash", source(v1alpha1.PasswordSource{PasswordHash: hash}), 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if length, ok := render.Generated(tt.user); length != tt.length || ok != tt.ok {
				t.Errorf("got %d, %v, want %d, %v", length, ok, tt.length, tt.ok)
			}
		})
	}
}

func TestGeneratePassword(t *testing.T) {
	got, err := render.GeneratePassword(1000, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	letters := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, got)
	if len(letters) != 1000 || len(got) != 1000 {
		t.Errorf("%q", got)
	}
	again, err := render.GeneratePassword(1000, rand.Reader)
	if err != nil || again == got {
		t.Errorf("the same password twice, error %v", err)
	}
	// 248 to 255 would make the first eight characters likelier: they are thrown away.
	if got, err := render.GeneratePassword(2, bytes.NewReader([]byte{255, 0, 248, 61})); got != "0z" || err != nil {
		t.Errorf("got %q, %v, want 0z", got, err)
	}
	if _, err := render.GeneratePassword(16, iotest.ErrReader(iotest.ErrTimeout)); err == nil {
		t.Error("no randomness, yet a password")
	}
}

func TestPasswordHash(t *testing.T) {
	first, err := render.PasswordHash("", []byte("secret"), true, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := password.Verify(first, []byte("secret")); !ok || err != nil || !strings.HasPrefix(first, "$7$101$") {
		t.Errorf("hash %s, verified %v, error %v", first, ok, err)
	}
	if kept, err := render.PasswordHash(first, []byte("secret"), false, rand.Reader); kept != first || err != nil {
		t.Errorf("got %s, %v, want the hash kept", kept, err)
	}
	for name, old := range map[string]string{"other password": first, "broken": "$7$x", "unknown": "plain"} {
		next, err := render.PasswordHash(old, []byte("changed"), false, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if ok, err := password.Verify(next, []byte("changed")); !ok || err != nil || !strings.HasPrefix(next, "$7$10000$") {
			t.Errorf("%s: hash %s, verified %v, error %v", name, next, ok, err)
		}
	}
	if _, err := render.PasswordHash("", []byte("x"), true, iotest.ErrReader(iotest.ErrTimeout)); err == nil {
		t.Error("no randomness, yet a salt")
	}
}
