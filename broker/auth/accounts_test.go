package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/broker/token"
	"github.com/dunlin-mqtt/dunlin/broker/token/tokentest"
)

const accountRules = `{"acls":[{"name":"ns/a","subjects":[{"kind":"ServiceAccount","name":"plant/press"}],"rules":[{"actions":["Publish"],"topics":["press/#","own/${username}"]}]}]}`

// issuerFile is what a broker is told of issuers, of which the first gives the name.
func issuerFile(t testing.TB, namespaces []string, issuers ...*tokentest.Issuer) string {
	t.Helper()
	data, err := json.Marshal(config.TokenIssuer{Issuer: issuers[0].URL, Keys: tokentest.JWKS(t, issuers...), Namespaces: namespaces})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// tokenConfig is a configuration by files that takes tokens of namespace plant, and the issuer's file.
func tokenConfig(t testing.TB, issuers ...*tokentest.Issuer) (config.Config, string) {
	t.Helper()
	dir := t.TempDir()
	c := config.Config{
		Authentication: config.Authentication{ServiceAccounts: &config.ServiceAccounts{}},
		AuthFiles: config.AuthFiles{
			PasswordFile: filepath.Join(dir, "passwd"), ACLFile: filepath.Join(dir, "acls.json"), TokenIssuerFile: filepath.Join(dir, "issuer.json"),
		},
	}
	write(t, c.AuthFiles.PasswordFile, "ann:"+testHash("one")+"\n")
	write(t, c.AuthFiles.ACLFile, accountRules)
	write(t, c.AuthFiles.TokenIssuerFile, issuerFile(t, []string{"plant"}, issuers...))
	return c, c.AuthFiles.TokenIssuerFile
}

func shows(user, token string) Credentials {
	return Credentials{ClientID: "c", Username: user, HasUsername: user != "", Password: []byte(token), HasPassword: true}
}

func TestServiceAccounts(t *testing.T) {
	issuer := tokentest.New(t)
	c, _ := tokenConfig(t, issuer)
	a := open(t, c)
	const name = "system:serviceaccount:plant:press"
	good := issuer.Token(t, issuer.Claims("plant", "press"))
	for why, r := range map[string]struct {
		who  Credentials
		want string
	}{
		"without a user name":       {shows("", good), ""},
		"with its own":              {shows(name, good), ""},
		"with an empty one":         {Credentials{HasUsername: true, Password: []byte(good), HasPassword: true}, ""},
		"with another account's":    {shows("system:serviceaccount:plant:root", good), "of another ServiceAccount than the user name"},
		"with a user's":             {shows("ann", good), "bad user name or password"},
		"a user's password":         {shows("", "one"), "no signed JSON Web Token"},
		"of another namespace":      {shows("", issuer.Token(t, issuer.Claims("other", "press"))), "ServiceAccounts of namespace other are not let in"},
		"of another cluster":        {shows("", tokentest.New(t).Token(t, issuer.Claims("plant", "press"))), "is not one of its issuer"},
		"a password that is no one": {shows(name, "one"), "no signed JSON Web Token"},
	} {
		id, err := a.Authenticate(t.Context(), r.who)
		if r.want == "" {
			if err != nil || id.Username() != name || id.Anonymous() || time.Until(id.Expires()) < 59*time.Minute {
				t.Errorf("%s: %+v, %v", why, id, err)
			} else if p := a.Policy(); !p.Valid(id) || !p.CanPublish(id, "press/1") || !p.CanPublish(id, "own/"+name) || p.CanPublish(id, "x") {
				t.Errorf("%s: it may do what it may not, or not what it may", why)
			}
		} else if !errors.Is(err, ErrBadCredentials) || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", why, err, r.want)
		}
	}
	if id, err := a.Authenticate(t.Context(), shows("ann", "one")); err != nil || a.Policy().CanPublish(id, "press/1") {
		t.Errorf("a user with a password: %v", err)
	}
	a.now = func() time.Time { return time.Now().Add(time.Hour + 2*token.Leeway) }
	if _, err := a.Authenticate(t.Context(), shows("", good)); !errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), "it has expired") {
		t.Errorf("later: %v", err)
	}
}

// TestNoKeys: where tokens are taken and no key is known, none is good; and where they are not taken, one is a password like others.
func TestNoKeys(t *testing.T) {
	issuer := tokentest.New(t)
	good := issuer.Token(t, issuer.Claims("plant", "press"))
	c, file := tokenConfig(t, issuer)
	log, _ := newLog()

	c.AuthFiles.TokenIssuerFile = ""
	c.Authentication.AllowAnonymous = true
	a, err := Open(c, log)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), shows("", good)); !errors.Is(err, ErrBadCredentials) || !strings.Contains(err.Error(), "not loaded") {
		t.Errorf("without keys: %v", err)
	}
	if a.Policy().Valid(Recall("c", "system:serviceaccount:plant:press", false)) {
		t.Error("a session of an account goes on without keys")
	}

	c.AuthFiles.TokenIssuerFile = filepath.Join(t.TempDir(), "none")
	if _, err := Open(c, log); err == nil || !strings.Contains(err.Error(), "token issuer") {
		t.Errorf("a file that is not there: %v", err)
	}
	for text, want := range map[string]string{
		"{}": "issuer must be set", `{"issuer":"x"}`: "parse token keys", `{"issuer":"x","keys":{"keys":[]},"more":1}`: "unknown field", "": "parse",
	} {
		write(t, file, text)
		c.AuthFiles.TokenIssuerFile = file
		if _, err := Open(c, log); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}

	write(t, file, issuerFile(t, []string{"plant"}, issuer))
	c.Authentication = config.Authentication{}
	if a, err = Open(c, log); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(t.Context(), shows("", good)); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("tokens that are not taken, without a user name: %v", err)
	}
	if _, err := a.Authenticate(t.Context(), shows("system:serviceaccount:plant:press", good)); !errors.Is(err, ErrBadCredentials) {
		t.Errorf("tokens that are not taken: %v", err)
	}
	if _, err := a.Begin(TokenMethod, Credentials{}); !errors.Is(err, ErrMethod) {
		t.Errorf("the method: %v", err)
	}
}

// TestTokensRevoked: a namespace that is not allowed any more, a key that its issuer has taken back and tokens that are not taken any
// more each end what there is.
func TestTokensRevoked(t *testing.T) {
	issuer, other := tokentest.New(t), tokentest.New(t)
	other.URL = issuer.URL
	c, file := tokenConfig(t, issuer)
	a := open(t, c)
	id, err := a.Authenticate(t.Context(), shows("", issuer.Token(t, issuer.Claims("plant", "press"))))
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what        string
		file        string
		valid, away bool
	}{
		{"another key beside it", issuerFile(t, []string{"plant"}, other, issuer), true, true},
		{"its key is gone", issuerFile(t, []string{"plant"}, other), false, true}, // when the client comes back it shows another
		{"it is back", issuerFile(t, []string{"plant", "x"}, issuer), true, true},
		{"another namespace", issuerFile(t, []string{"x"}, issuer), false, false},
	} {
		write(t, file, step.file)
		p := a.reload()
		if p == nil || p.Valid(id) != step.valid || p.Valid(id.Away()) != step.away || p.CanPublish(id, "press/1") != step.valid || p.CanPublish(id.Away(), "press/1") != step.away {
			t.Errorf("%s: valid %v, away %v", step.what, p.Valid(id), p.Valid(id.Away()))
		}
	}
	write(t, file, issuerFile(t, []string{"plant"}, issuer))
	c.Authentication.ServiceAccounts = nil
	a.Configure(c)
	if a.Policy().Valid(id) || a.Policy().Valid(id.Away()) {
		t.Error("it is let in though tokens are not taken")
	}
}

func TestTokenExchange(t *testing.T) {
	issuer := tokentest.New(t)
	c, _ := tokenConfig(t, issuer)
	a := open(t, c)
	good := []byte(issuer.Token(t, issuer.Claims("plant", "press")))
	x, err := a.Begin(TokenMethod, Credentials{ClientID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	if answer, id, err := x.Step(nil); err != nil || id != nil || answer == nil {
		t.Errorf("with nothing said: %v, %v, %v", answer, id, err)
	}
	if _, id, err := x.Step(good); err != nil || id.Username() != "system:serviceaccount:plant:press" || id.ClientID() != "c" {
		t.Errorf("%v, %v", id, err)
	}
	x, err = a.Begin(TokenMethod, Credentials{Username: "system:serviceaccount:plant:other", HasUsername: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := x.Step(good); !errors.Is(err, ErrBadCredentials) {
		t.Errorf("another's token: %v", err)
	}
	if _, _, err := x.Step([]byte{}); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("an empty token: %v", err)
	}
}

// TestReservedNames: no certificate makes its holder a ServiceAccount.
func TestReservedNames(t *testing.T) {
	p := newPolicy(1, settings{certificate: &config.ClientCertificate{UsernameFrom: config.CommonName, AnyUser: true}}, material{passwords: &password.File{}})
	if _, err := p.holder(Credentials{Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "system:serviceaccount:plant:press"}}}); !errors.Is(err, ErrBadCredentials) {
		t.Errorf("%v", err)
	}
	if h, err := p.holder(Credentials{Certificate: &x509.Certificate{Subject: pkix.Name{CommonName: "press"}}}); err != nil || h.username != "press" {
		t.Errorf("%v", err)
	}
}
