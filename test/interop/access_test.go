package interop

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// closed is a configuration with the users alice and bob; alice may do all below a/, bob may read it.
func closed(t *testing.T) config.Config {
	t.Helper()
	dir := t.TempDir()
	c := open(t)
	c.Authentication.AllowAnonymous = false
	c.Authorization.DefaultPolicy = config.PolicyDeny
	c.AuthFiles = config.AuthFiles{PasswordFile: filepath.Join(dir, "passwords"), ACLFile: filepath.Join(dir, "acls.json")}
	passwd(t, "-c", "-b", c.AuthFiles.PasswordFile, "alice", "wonder land")
	passwd(t, "-b", c.AuthFiles.PasswordFile, "bob", "builder")
	writeJSON(t, c.AuthFiles.ACLFile, config.ACLSet{ACLs: []config.ACL{
		acl("alice", []config.Action{config.ActionPublish, config.ActionSubscribe}, "a/#"),
		acl("bob", []config.Action{config.ActionSubscribe}, "a/#"),
	}})
	return c
}

func acl(user string, actions []config.Action, topic string) config.ACL {
	return config.ACL{Name: "test/" + user, ACLRules: config.ACLRules{
		Subjects: []config.Subject{{Kind: config.SubjectUser, Name: user}},
		Rules:    []config.Rule{{Effect: config.Allow, Actions: actions, Topics: []string{topic}}},
	}}
}

// passwd runs mosquitto_passwd.
func passwd(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("mosquitto_passwd", args...).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v\n%s", err, out)
	}
}

var (
	asAlice = []string{"-u", "alice", "-P", "wonder land"}
	asBob   = []string{"-u", "bob", "-P", "builder"}
	asCarol = []string{"-u", "carol", "-P", "secret"}
)

func with(user []string, args ...string) []string {
	return append(append([]string{}, user...), args...)
}

func TestWrongPassword(t *testing.T) {
	t.Parallel()
	b := serve(t, closed(t))
	for name, user := range map[string][]string{
		"wrong": {"-u", "alice", "-P", "guess"}, "none": {"-u", "alice"}, "unknown user": asCarol, "anonymous": nil,
	} {
		for _, version := range versions {
			t.Run(name+"/"+version, func(t *testing.T) {
				out, err := b.tryPublish(with(user, "-V", version, "-t", "a/b", "-m", "x")...)
				if err == nil || !regexp.MustCompile(`(?i)not authori[sz]ed|bad user name or password`).MatchString(out) {
					t.Errorf("mosquitto_pub: %v, %q; want it refused as not authorised", err, out)
				}
			})
		}
	}
	b.publish(t, with(asAlice, "-t", "a/b", "-m", "x")...)
}

func TestDeniedTopic(t *testing.T) {
	t.Parallel()
	b := serve(t, closed(t))
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			s := b.subscribe(t, with(asBob, "-V", version, "-q", "1", "-t", "a/#")...)
			// What a denied publish is answered differs by version and QoS; that nobody gets it does not.
			_, _ = b.tryPublish(with(asBob, "-V", version, "-q", "1", "-t", "a/b", "-m", "denied")...)
			_, _ = b.tryPublish(with(asBob, "-V", version, "-q", "0", "-t", "a/b", "-m", "denied")...)
			b.publish(t, with(asAlice, "-V", version, "-q", "1", "-t", "a/b", "-m", "allowed")...)
			s.receives(t, "a/b 1 0 allowed")
		})
	}
	out, _ := b.tryPublish(with(asBob, "-V", "mqttv5", "-q", "1", "-t", "a/b", "-m", "denied")...)
	if !strings.Contains(out, "Not authorized") {
		t.Errorf("mosquitto_pub printed %q, want MQTT 5's Not authorized", out)
	}
}

func TestDeniedSubscription(t *testing.T) {
	t.Parallel()
	b := serve(t, closed(t))
	for version, code := range map[string]string{"mqttv311": "128", "mqttv5": "135"} {
		t.Run(version, func(t *testing.T) {
			s := b.connect(t, with(asBob, "-V", version, "-t", "#")...)
			s.line("Subscribed (mid: 1): " + code)
		})
	}
}

// mosquitto_passwd changes the file of a running broker: a user comes, a password changes, a user goes.
func TestPasswordFileIsReloaded(t *testing.T) {
	t.Parallel()
	c := closed(t)
	b := serve(t, c)
	live := b.subscribe(t, with(asBob, "-V", "mqttv5", "-t", "a/#")...)

	passwd(t, "-b", c.AuthFiles.PasswordFile, "carol", "secret")
	b.eventually(t, "carol gets in", func() bool { return b.admits(asCarol) })

	passwd(t, "-b", c.AuthFiles.PasswordFile, "alice", "changed")
	b.eventually(t, "alice's old password is refused", func() bool { return !b.admits(asAlice) })
	if !b.admits([]string{"-u", "alice", "-P", "changed"}) {
		t.Error("alice's new password is refused")
	}

	passwd(t, "-D", c.AuthFiles.PasswordFile, "bob")
	live.line("Received DISCONNECT (135)") // 0x87: revoked means revoked
}

// admits says whether a user may connect.
func (b *broker) admits(user []string) bool {
	_, err := b.tryPublish(with(user, "-t", "a/b", "-m", "x")...)
	return err == nil
}

// eventually asks again until the answer is yes; each question is a connection of a client.
func (b *broker) eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}
