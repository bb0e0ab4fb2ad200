package controllers

import (
	"bytes"
	"strings"
	"testing"

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
