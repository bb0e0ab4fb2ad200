package controllers

import (
	"bytes"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// TestCheckAccount: what passes is a user of the password file that it makes, and what does not is left out of it.
func TestCheckAccount(t *testing.T) {
	hash := password.Hash([]byte("known"), []byte("123456789012"))
	for username, want := range map[string]string{
		"alice": "", " alice": "", "a#b": "", "zoë": "",
		"#alice": "begins with '#'", "#": "begins with '#'", "a\nb": "control character",
	} {
		a := render.Account{Username: username, PasswordHash: hash}
		err := checkAccount(a)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", username, err, want)
		}
		file, err := password.Parse(bytes.NewReader(render.AccountLines(a)), "passwd")
		if held := err == nil && file.Has(username); held != (want == "") {
			t.Errorf("%q: held by the file: %v, %v", username, held, err)
		}
	}
}

// TestUserDigest: it follows what the pods have to know; a User without limits keeps the one it had before there were any.
func TestUserDigest(t *testing.T) {
	b := &v1alpha1.Broker{}
	a := render.Account{Username: "alice", PasswordHash: "$7$x", Groups: []string{"ops"}}
	without := userDigest(b, a, nil, false)
	if want := digest(b.UID, "alice", "$7$x", false, []string{"ops"}); without != want {
		t.Errorf("without limits: %s, want %s", without, want)
	}
	seen := map[string]bool{without: true}
	for _, limits := range []config.UserLimits{{MaxConnections: new(int32(1))}, {MaxConnections: new(int32(2))}, {PublishMessagesPerSecond: new(int32(1))}} {
		a.Limits = &limits
		d := userDigest(b, a, nil, false)
		if seen[d] {
			t.Errorf("%+v has the digest of others", limits)
		}
		seen[d] = true
	}
}
