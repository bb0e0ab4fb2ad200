package render_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

func TestScramKeys(t *testing.T) {
	both := []config.EnhancedMethod{config.ScramSHA256, config.ScramSHA512}
	keys := func(kept []string, same bool, mechanisms []config.EnhancedMethod, generated bool) []string {
		t.Helper()
		lines, err := render.ScramKeys(kept, same, nil, mechanisms, []byte("secret"), generated, rand.Reader)
		if err != nil || len(lines) != len(mechanisms) {
			t.Fatalf("%q, %v", lines, err)
		}
		for i, m := range mechanisms {
			if !strings.HasPrefix(lines[i], string(m)+"$") || password.Check(lines[i]) != nil {
				t.Errorf("%s: %q", m, lines[i])
			}
		}
		return lines
	}
	first := keys(nil, false, both, true)
	if !strings.HasPrefix(first[0], "SCRAM-SHA-256$4096:") || strings.Split(first[0], ":")[1] == strings.Split(first[1], ":")[1] {
		t.Errorf("%q", first)
	}
	if diff := cmp.Diff(first, keys(first, true, both, false)); diff != "" {
		t.Errorf("the keys of the same password change: %s", diff)
	}
	for name, next := range map[string][]string{
		"other password": keys(first, false, both, false),
		"other order":    keys(first, true, []config.EnhancedMethod{config.ScramSHA512, config.ScramSHA256}, false),
		"one less":       keys(first, true, both[:1], false),
		"broken":         keys([]string{"SCRAM-SHA-256$", first[1]}, true, both, false),
	} {
		if strings.Contains(strings.Join(first, " "), next[0]) || !strings.Contains(next[0], "$10000:") {
			t.Errorf("%s: kept %q", name, next[0])
		}
	}
	if _, err := render.ScramKeys(nil, false, nil, both, []byte("a\x07"), true, rand.Reader); err == nil {
		t.Error("keys of what SASLprep forbids")
	}
	if _, err := render.ScramKeys(nil, false, nil, both, []byte("x"), true, iotest.ErrReader(iotest.ErrTimeout)); err == nil {
		t.Error("no randomness, yet a salt")
	}
}

// TestAccountWithScramKeys: they are lines of the password file, and as much a part of what is in force.
func TestAccountWithScramKeys(t *testing.T) {
	lines, err := render.ScramKeys(nil, false, nil, []config.EnhancedMethod{config.ScramSHA256, config.ScramSHA512}, []byte("x"), true, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	real := password.Hash([]byte("x"), []byte("123456789012"))
	ann := render.Account{Username: "ann", PasswordHash: real, ScramKeys: lines}
	b := auth(t, []render.Account{ann, {Username: "anna", PasswordHash: real}}, nil)
	files := b.Shards[render.Shard("ann")]
	var all strings.Builder
	for _, content := range files {
		all.Write(content)
	}
	file, err := password.Parse(strings.NewReader(all.String()), "bundle")
	if err != nil {
		t.Fatal(err)
	}
	if _, entry := file.Scram(nil, false).Lookup(password.ScramSHA512, "ann"); entry != lines[1] {
		t.Errorf("the broker finds %q", entry)
	}
	for name, r := range map[string]struct {
		keys []string
		want bool
	}{"as it is": {lines, true}, "none": {nil, false}, "one": {lines[:1], false}, "another": {[]string{lines[0], lines[0]}, false}} {
		other := ann
		other.ScramKeys = r.keys
		if got := render.HasAccount(files, other, render.NewSelectors(nil)); got != r.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	ann.ScramKeys = []string{"SCRAM\nroot:x"}
	if _, err := render.Auth([]render.Account{ann}, nil, nil); err == nil {
		t.Error("keys with a line break are rendered")
	}
}
