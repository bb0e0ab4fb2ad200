package token

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// ErrInvalid is in every error of Verify.
var ErrInvalid = errors.New("the token is not valid")

// MaxBytes bounds a token. Those of Kubernetes have about 1 KiB.
const MaxBytes = 16 << 10

// Leeway is how far the clocks of issuer and broker may be apart.
const Leeway = 30 * time.Second

// algorithms are the signatures that are taken: none by which whoever can verify can sign.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Verifier says which tokens are good. Any number of goroutines may use it.
type Verifier struct {
	// Issuer is who must have made the token.
	Issuer string
	// Audiences are of whom one must be among those that the token is for.
	Audiences []string
	Keys      Keys
}

// Holder is the ServiceAccount that a token is of.
type Holder struct {
	Namespace, Name string
	// KeyID is the key that the token is signed with.
	KeyID string
	// Expires is when the token ends, Leeway included.
	Expires time.Time
}

// Verify says whose a token is. The signature is verified before anything that the token says is believed. The error is
// ErrInvalid, wrapped with what is wrong.
func (v *Verifier) Verify(token []byte, now time.Time) (Holder, error) {
	if len(token) > MaxBytes {
		return Holder{}, fmt.Errorf("%w: it has more than %d bytes", ErrInvalid, MaxBytes)
	}
	parsed, err := jwt.ParseSigned(string(token), algorithms)
	var algorithm *jose.ErrUnexpectedSignatureAlgorithm
	if errors.As(err, &algorithm) {
		return Holder{}, fmt.Errorf("%w: it is signed with an algorithm that is not taken", ErrInvalid)
	}
	if err != nil || len(parsed.Headers) != 1 {
		return Holder{}, fmt.Errorf("%w: it is no signed JSON Web Token", ErrInvalid)
	}
	header := parsed.Headers[0]
	key, known := v.Keys[header.KeyID]
	if !known {
		return Holder{}, fmt.Errorf("%w: the key that it is signed with is not one of its issuer's", ErrInvalid)
	}
	if key.Algorithm != "" && key.Algorithm != header.Algorithm {
		return Holder{}, fmt.Errorf("%w: it is signed with an algorithm that is not its key's", ErrInvalid)
	}
	var claims jwt.Claims
	if err := parsed.Claims(key.Key, &claims); err != nil {
		return Holder{}, fmt.Errorf("%w: its signature does not fit", ErrInvalid)
	}
	h := Holder{KeyID: header.KeyID}
	if err := v.check(&claims, now); err != nil {
		return Holder{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	h.Expires = claims.Expiry.Time().Add(Leeway)
	var ok bool
	if h.Namespace, h.Name, ok = Parse(claims.Subject); !ok {
		return Holder{}, fmt.Errorf("%w: it is not of a ServiceAccount", ErrInvalid)
	}
	return h, nil
}

// check says what is wrong with a token whose signature is good.
func (v *Verifier) check(c *jwt.Claims, now time.Time) error {
	switch {
	case c.Issuer != v.Issuer:
		return errors.New("its issuer is another")
	case !slices.ContainsFunc(v.Audiences, c.Audience.Contains):
		return fmt.Errorf("it is not for the audience %s", strings.Join(v.Audiences, " or "))
	case c.Expiry == nil:
		return errors.New("it never expires")
	case !now.Before(c.Expiry.Time().Add(Leeway)):
		return errors.New("it has expired")
	case c.NotBefore != nil && now.Add(Leeway).Before(c.NotBefore.Time()):
		return errors.New("it is not valid yet")
	}
	return nil
}

// prefix is what the user name of a ServiceAccount begins with, in Kubernetes and here.
const prefix = "system:serviceaccount:"

// Username is the user name of a ServiceAccount.
func Username(namespace, name string) string { return prefix + namespace + ":" + name }

// Reserved reports whether only a ServiceAccount can have that user name.
func Reserved(username string) bool { return strings.HasPrefix(username, prefix) }

// Parse is the ServiceAccount that has a user name; false: none has.
func Parse(username string) (namespace, name string, ok bool) {
	rest, ok := strings.CutPrefix(username, prefix)
	if !ok {
		return "", "", false
	}
	namespace, name, ok = strings.Cut(rest, ":")
	return namespace, name, ok && namespace != "" && name != "" && !strings.ContainsAny(rest, "/+#") && !strings.Contains(name, ":")
}
