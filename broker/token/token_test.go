package token_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/dunlin-mqtt/dunlin/broker/token"
	"github.com/dunlin-mqtt/dunlin/broker/token/tokentest"
)

func keysOf(t testing.TB, issuers ...*tokentest.Issuer) token.Keys {
	t.Helper()
	keys, err := token.ParseKeys(tokentest.JWKS(t, issuers...))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func verifier(t testing.TB, issuers ...*tokentest.Issuer) *token.Verifier {
	return &token.Verifier{Issuer: issuers[0].URL, Audiences: []string{"mqtt", "dunlin"}, Keys: keysOf(t, issuers...)}
}

func TestVerify(t *testing.T) {
	issuer, now := tokentest.New(t), time.Now()
	v := verifier(t, issuer)
	h, err := v.Verify([]byte(issuer.Token(t, issuer.Claims("plant", "press"))), now)
	if err != nil || h.Namespace != "plant" || h.Name != "press" || h.KeyID != issuer.KeyID {
		t.Fatalf("%+v, %v", h, err)
	}
	if d := h.Expires.Sub(now); d < time.Hour-time.Second || d > time.Hour+token.Leeway+time.Second {
		t.Errorf("it expires after %v", d)
	}
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   string
	}{
		"another issuer":        {func(c map[string]any) { c["iss"] = "https://evil" }, "its issuer is another"},
		"no issuer":             {func(c map[string]any) { delete(c, "iss") }, "its issuer is another"},
		"another audience":      {func(c map[string]any) { c["aud"] = []string{"https://kubernetes.default.svc"} }, "not for the audience mqtt or dunlin"},
		"no audience":           {func(c map[string]any) { delete(c, "aud") }, "not for the audience"},
		"one of two audiences":  {func(c map[string]any) { c["aud"] = []string{"x", "mqtt"} }, ""},
		"expired":               {func(c map[string]any) { c["exp"] = now.Add(-token.Leeway - time.Second).Unix() }, "it has expired"},
		"expired a moment ago":  {func(c map[string]any) { c["exp"] = now.Add(-token.Leeway / 2).Unix() }, ""},
		"without end":           {func(c map[string]any) { delete(c, "exp") }, "it never expires"},
		"not yet":               {func(c map[string]any) { c["nbf"] = now.Add(token.Leeway + 2*time.Second).Unix() }, "it is not valid yet"},
		"in a moment":           {func(c map[string]any) { c["nbf"] = now.Add(token.Leeway / 2).Unix() }, ""},
		"a user's":              {func(c map[string]any) { c["sub"] = "system:node:x" }, "not of a ServiceAccount"},
		"without a name":        {func(c map[string]any) { c["sub"] = "system:serviceaccount:plant:" }, "not of a ServiceAccount"},
		"of more than one name": {func(c map[string]any) { c["sub"] = "system:serviceaccount:a:b:c" }, "not of a ServiceAccount"},
		"with a topic's levels": {func(c map[string]any) { c["sub"] = "system:serviceaccount:a:b/#" }, "not of a ServiceAccount"},
		"no words":              {func(c map[string]any) { c["sub"] = 7 }, "its signature does not fit"},
	} {
		t.Run(name, func(t *testing.T) {
			claims := issuer.Claims("plant", "press")
			c.change(claims)
			_, err := v.Verify([]byte(issuer.Token(t, claims)), now)
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// TestForged: whatever is made without the issuer's key is refused.
func TestForged(t *testing.T) {
	issuer, other := tokentest.New(t), tokentest.New(t)
	v, claims := verifier(t, issuer), issuer.Claims("plant", "press")
	good := issuer.Token(t, claims)
	part := strings.Split(good, ".")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	der, err := x509.MarshalPKIXPublicKey(issuer.Key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	unknown := *other
	named := *other
	named.KeyID = issuer.KeyID
	nameless := *issuer
	nameless.KeyID = ""
	flipped := []byte(part[2])
	flipped[5] ^= 1
	for name, c := range map[string]struct{ token, want string }{
		"another's key":                  {named.Token(t, claims), "its signature does not fit"},
		"an unknown key":                 {unknown.Token(t, claims), "is not one of its issuer's"},
		"a key without a name":           {nameless.Token(t, claims), "is not one of its issuer's"},
		"another signature":              {part[0] + "." + part[1] + "." + string(flipped), ""},
		"other claims":                   {part[0] + "." + encode(`{"sub":"system:serviceaccount:plant:root"}`) + "." + part[2], "its signature does not fit"},
		"alg none":                       {encode(`{"alg":"none","kid":"`+issuer.KeyID+`"}`) + "." + part[1] + ".", ""},
		"alg none, with a signature":     {encode(`{"alg":"none","kid":"`+issuer.KeyID+`"}`) + "." + part[1] + "." + part[2], ""},
		"HS256 with the public key":      {tokentest.Sign(t, jose.HS256, public, issuer.KeyID, claims), "an algorithm that is not taken"},
		"HS256 with the key's DER":       {tokentest.Sign(t, jose.HS256, der, issuer.KeyID, claims), "an algorithm that is not taken"},
		"another algorithm than its":     {tokentest.Sign(t, jose.RS256, rsaKey, issuer.KeyID, claims), "an algorithm that is not its key's"},
		"a key of its own":               {encode(`{"alg":"ES256","kid":"x","jwk":{}}`) + "." + part[1] + "." + part[2], ""},
		"two of three parts":             {part[0] + "." + part[1], "it is no signed JSON Web Token"},
		"a password":                     {"hunter2", "it is no signed JSON Web Token"},
		"nothing":                        {"", "it is no signed JSON Web Token"},
		"too large":                      {good + strings.Repeat("x", token.MaxBytes), "it has more than 16384 bytes"},
		"JSON in place of a compact one": {`{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`, "it is no signed JSON Web Token"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify([]byte(c.token), time.Now())
			if !errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	if _, err := v.Verify([]byte(good), time.Now()); err != nil {
		t.Error(err)
	}
}

func TestRotatedKeys(t *testing.T) {
	before, after := tokentest.New(t), tokentest.New(t)
	for name, c := range map[string]struct {
		keys     token.Keys
		old, new bool
	}{"before": {keysOf(t, before), true, false}, "both": {keysOf(t, before, after), true, true}, "after": {keysOf(t, after), false, true}} {
		v := &token.Verifier{Issuer: before.URL, Audiences: []string{"dunlin"}, Keys: c.keys}
		_, old := v.Verify([]byte(before.Token(t, before.Claims("a", "b"))), time.Now())
		_, fresh := v.Verify([]byte(after.Token(t, after.Claims("a", "b"))), time.Now())
		if (old == nil) != c.old || (fresh == nil) != c.new {
			t.Errorf("%s: %v, %v", name, old, fresh)
		}
	}
}

func TestParseKeys(t *testing.T) {
	issuer := tokentest.New(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	private, err := jose.JSONWebKey{Key: issuer.Key, KeyID: "p"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	weak, err := jose.JSONWebKey{Key: &small.PublicKey, KeyID: "w"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	good := string(bytes.TrimSuffix(bytes.TrimPrefix(tokentest.JWKS(t, issuer), []byte(`{"keys":[`)), []byte("]}")))
	for text, want := range map[string]string{
		`{"keys":[` + good + `]}`: "",
		`{"keys":[` + good + `,{"kty":"oct","kid":"s","k":"c2VjcmV0"}]}`: "",
		`{"keys":[{"kty":"oct","kid":"s","k":"c2VjcmV0"}]}`:              "no key that could verify",
		`{"keys":[]}`:                          "no key that could verify",
		`{}`:                                   "no key that could verify",
		`no keys`:                              "parse token keys",
		``:                                     "parse token keys",
		`{"keys":[` + good + `,` + good + `]}`: "two keys are called",
		`{"keys":[` + string(private) + `]}`:   `key "p": it is a private key`,
		`{"keys":[` + string(weak) + `]}`:      `key "w": an RSA key of 1024 bits, fewer than 2048`,
		strings.Repeat(" ", token.MaxKeysBytes+1):                                              "more than 262144 bytes",
		`{"keys":[` + strings.Repeat(`{"kty":"oct","kid":"s","k":"c2Vj"},`, 300) + good + `]}`: "301 keys, at most 256",
	} {
		_, err := token.ParseKeys([]byte(text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.80s: %v, want %q", text, err, want)
		}
	}
}

func TestUsername(t *testing.T) {
	if ns, name, ok := token.Parse(token.Username("a", "b.c")); !ok || ns != "a" || name != "b.c" {
		t.Error(ns, name, ok)
	}
	for _, bad := range []string{"", "a", "system:serviceaccount", "system:serviceaccount:a", "system:serviceaccount::b", "system:serviceaccount:a:", "x:system:serviceaccount:a:b"} {
		if _, _, ok := token.Parse(bad); ok {
			t.Error(bad)
		}
	}
}

// BenchmarkVerify is what a client that connects costs.
func BenchmarkVerify(b *testing.B) {
	issuer := tokentest.New(b)
	v, shown := verifier(b, issuer), []byte(issuer.Token(b, issuer.Claims("a", "b")))
	for b.Loop() {
		if _, err := v.Verify(shown, time.Now()); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzVerify: nothing is taken but what the issuer has said, and nothing breaks.
func FuzzVerify(f *testing.F) {
	issuer := tokentest.New(f)
	v, good := verifier(f, issuer), issuer.Token(f, issuer.Claims("a", "b"))
	f.Add(good)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := v.Verify([]byte(text), time.Now()); err == nil && (h.Namespace != "a" || h.Name != "b") {
			t.Errorf("%q is taken", text)
		}
	})
}
