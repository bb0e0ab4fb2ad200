package auth

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// logged is a logger and the lines it took.
type logged struct{ lines chan string }

func (l logged) Write(b []byte) (int, error) {
	l.lines <- string(b)
	return len(b), nil
}

func newLog() (*slog.Logger, logged) {
	l := logged{make(chan string, 1000)}
	return slog.New(slog.NewTextHandler(l, nil)), l
}

// wait returns the next line with text.
func (l logged) wait(t *testing.T, text string) string {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case line := <-l.lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-deadline:
			t.Fatalf("nothing was logged with %q", text)
		}
	}
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, cfg config.Config) *Auth {
	t.Helper()
	log, _ := newLog()
	a, err := Open(cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// run runs a and returns the channel of new policies.
func run(t *testing.T, a *Auth) <-chan *Policy {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	policies, done := make(chan *Policy, 100), make(chan error, 1)
	go func() { done <- a.Run(ctx, func(p *Policy) { policies <- p }) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	})
	return policies
}

func next(t *testing.T, policies <-chan *Policy) *Policy {
	t.Helper()
	select {
	case p := <-policies:
		return p
	case <-time.After(10 * time.Second):
		t.Fatal("no new policy")
		return nil
	}
}

func login(user, password string) Credentials {
	return Credentials{ClientID: "c", Username: user, HasUsername: true, Password: []byte(password), HasPassword: true}
}

func TestAuthenticate(t *testing.T) {
	passwords := filepath.Join(t.TempDir(), "passwd")
	write(t, passwords, "ann:"+testHash("one")+"\nann:"+testHash("two")+"\nnil:"+testHash("")+"\n")
	withUsers := config.Config{AuthFiles: config.AuthFiles{PasswordFile: passwords}}
	withBoth := withUsers
	withBoth.Authentication.AllowAnonymous = true
	var closedToAll, openToAll config.Config
	openToAll.Authentication.AllowAnonymous = true
	nobody := Credentials{ClientID: "c"}
	tests := []struct {
		name      string
		cfg       config.Config
		with      Credentials
		anonymous bool
		want      error
	}{
		{"right", withUsers, login("ann", "one"), false, nil},
		{"either of two", withUsers, login("ann", "two"), false, nil},
		{"wrong", withUsers, login("ann", "three"), false, ErrBadCredentials},
		{"empty password", withUsers, login("nil", ""), false, nil},
		{"no password is not the empty one", withUsers, Credentials{Username: "nil", HasUsername: true}, false, ErrBadCredentials},
		{"unknown user", withUsers, login("zoe", "one"), false, ErrBadCredentials},
		{"anonymous, not allowed", withUsers, nobody, false, ErrNotAllowed},
		{"empty user name, not allowed", withUsers, login("", "one"), false, ErrNotAllowed},
		{"anonymous, allowed", withBoth, nobody, true, nil},
		{"wrong password where anonymous would do", withBoth, login("ann", "x"), false, ErrBadCredentials},
		{"unknown user where anonymous would do", withBoth, login("zoe", "x"), false, ErrBadCredentials},
		{"no source of users", closedToAll, login("ann", "one"), false, ErrBadCredentials},
		{"no source of users, anonymous", closedToAll, nobody, false, ErrNotAllowed},
		{"no source of users, all allowed", openToAll, nobody, true, nil},
		{"a name that nobody can prove", openToAll, login("ann", "one"), true, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := open(t, test.cfg)
			for try := range 2 { // the second one may be remembered
				id, err := a.Authenticate(t.Context(), test.with)
				if !errors.Is(err, test.want) {
					t.Fatalf("try %d: %v, want %v", try, err, test.want)
				}
				if err != nil {
					continue
				}
				wantName := test.with.Username
				if test.anonymous {
					wantName = ""
				}
				if id.Anonymous() != test.anonymous || id.Username() != wantName || id.ClientID() != test.with.ClientID || !a.Policy().Valid(id) {
					t.Errorf("try %d: %+v", try, id)
				}
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/passwd", "ann:"+testHash("x")+"\nbob\n")
	write(t, dir+"/acl.yaml", "acls:\n- name: a\n  subjects: [{kind: Everyone}]\n  rules:\n  - actions: [Publish]\n    topics: [a/#/b]\n  - {actions: [Publish], topics: [\"${user}\", $share/g/t]}\n")
	write(t, dir+"/typo.yaml", "acl: []\n")
	tests := []struct {
		name  string
		files config.AuthFiles
		want  []string
	}{
		{"no password file", config.AuthFiles{PasswordFile: dir + "/none"}, []string{dir + "/none", "no such file"}},
		{"bad password file", config.AuthFiles{PasswordFile: dir + "/passwd"}, []string{dir + "/passwd:2: line has no ':'"}},
		{"no ACL file", config.AuthFiles{ACLFile: dir + "/none"}, []string{dir + "/none", "no such file"}},
		{"bad topics", config.AuthFiles{ACLFile: dir + "/acl.yaml"}, []string{
			dir + "/acl.yaml:6: acls[0].rules[0].topics[0]: topic filter has the wildcard '#'",
			dir + `/acl.yaml:7: acls[0].rules[1].topics[0]: unknown variable in "${user}"`,
			dir + "/acl.yaml:7: acls[0].rules[1].topics[1]: rules are about the topics of a shared subscription: write t"}},
		{"unknown field", config.AuthFiles{ACLFile: dir + "/typo.yaml"}, []string{dir + "/typo.yaml:1: acl: unknown field (did you mean acls?)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			log, _ := newLog()
			_, err := Open(config.Config{AuthFiles: test.files}, log)
			if err == nil {
				t.Fatal("Open() = nil")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Open() = %v\nwant %s", err, want)
				}
			}
		})
	}
}

const aclFile = `acls:
- name: all
  subjects: [{kind: Everyone}]
  rules: [{actions: [Publish], topics: [TOPIC]}]
`

func TestRunReloadsFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/passwd", "ann:"+testHash("one")+"\nbob:"+testHash("bob")+"\n")
	write(t, dir+"/acl.yaml", strings.ReplaceAll(aclFile, "TOPIC", "a"))
	log, lines := newLog()
	a, err := Open(config.Config{AuthFiles: config.AuthFiles{PasswordFile: dir + "/passwd", ACLFile: dir + "/acl.yaml"}}, log)
	if err != nil {
		t.Fatal(err)
	}
	policies := run(t, a)
	ann, err := a.Authenticate(t.Context(), login("ann", "one"))
	if err != nil {
		t.Fatal(err)
	}
	bob, err := a.Authenticate(t.Context(), login("bob", "bob"))
	if err != nil {
		t.Fatal(err)
	}
	first := a.Policy()

	write(t, dir+"/acl.yaml", strings.ReplaceAll(aclFile, "TOPIC", "b"))
	p := next(t, policies)
	if p != a.Policy() || p.Generation() <= first.Generation() || !p.Valid(ann) || p.CanPublish(ann, "a") || !p.CanPublish(ann, "b") {
		t.Errorf("after the ACL changed: %+v", p)
	}

	write(t, dir+"/acl.yaml", "acls: 5\n")
	lines.wait(t, "acl.yaml:1: acls: must be a list")
	if a.Policy() != p {
		t.Error("a bad file changed the policy")
	}
	write(t, dir+"/acl.yaml", strings.ReplaceAll(aclFile, "TOPIC", "b"))

	// ann's password is changed, within a grace period: the new line is added, and later the old one removed.
	write(t, dir+"/passwd", "ann:"+testHash("one")+"\nann:"+testHash("two")+"\n")
	p = next(t, policies)
	if !p.Valid(ann) || p.Valid(bob) {
		t.Errorf("ann is valid: %v, bob, who was removed: %v", p.Valid(ann), p.Valid(bob))
	}
	if _, err := a.Authenticate(t.Context(), login("bob", "bob")); !errors.Is(err, ErrBadCredentials) {
		t.Errorf("bob was removed, and remembered: %v", err)
	}
	write(t, dir+"/passwd", "ann:"+testHash("two")+"\n")
	if p = next(t, policies); p.Valid(ann) {
		t.Error("ann's old password is still good for her session")
	}
	if _, err := a.Authenticate(t.Context(), login("ann", "one")); !errors.Is(err, ErrBadCredentials) {
		t.Errorf("ann's old password is remembered: %v", err)
	}
	if len(policies) != 0 {
		t.Errorf("%d policies too many", len(policies))
	}
}

func TestRunWithoutFiles(t *testing.T) {
	a := open(t, config.Config{})
	if !a.Loaded() || a.Revision() != "" {
		t.Errorf("without files: loaded %v, revision %q", a.Loaded(), a.Revision())
	}
	run(t, a) // ends when its context does
}
