package password

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/xdg-go/scram"
)

// The SCRAM mechanisms, RFC 5802 and RFC 7677, by the names that MQTT's Authentication Method has, too.
const (
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

const (
	// ScramIterations is the cost of ScramLine: what RFC 7677 asks for at least, and below which clients refuse. It is
	// the client that pays it; the broker computes a few HMACs.
	ScramIterations = 4096
	// ScramSaltBytes is the length of salt to use.
	ScramSaltBytes = 16
)

// ScramKeys is what a server needs to verify a client by SCRAM. It does not let who has it log in.
type ScramKeys struct {
	Salt                 []byte
	Iterations           int
	StoredKey, ServerKey []byte // as long as the mechanism's hash
}

// digest is the mechanism's hash; nil: there is no such mechanism.
func digest(mechanism string) scram.HashGeneratorFcn {
	switch mechanism {
	case ScramSHA256:
		return sha256.New
	case ScramSHA512:
		return sha512.New
	}
	return nil
}

// ScramLine returns what a password file has of a password for a mechanism, which with other mechanisms and salts can
// stand beside other hashes of the same user. It is PostgreSQL's form. salt is ScramSaltBytes of randomness, used
// for nobody else, and twice only for the next password of the same user, so that a client can prove either. The password is normalised by SASLprep, as clients do; one that SASLprep forbids is an error.
func ScramLine(mechanism string, password, salt []byte, iterations int) (string, error) {
	h := digest(mechanism)
	if h == nil {
		return "", fmt.Errorf("make SCRAM keys: no mechanism %.40q: there are %s and %s", mechanism, ScramSHA256, ScramSHA512)
	}
	if n := len(salt); n < minSalt || n > maxSalt {
		return "", fmt.Errorf("make SCRAM keys: salt has %d bytes, not %d to %d", n, minSalt, maxSalt)
	}
	if iterations < ScramIterations || iterations > MaxIterations {
		return "", fmt.Errorf("make SCRAM keys: %d iterations, not %d to %d", iterations, ScramIterations, MaxIterations)
	}
	client, err := h.NewClient("", string(password), "")
	if err != nil {
		return "", fmt.Errorf("make SCRAM keys: %w", err)
	}
	made, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt), Iters: iterations})
	if err != nil {
		return "", fmt.Errorf("make SCRAM keys: %w", err)
	}
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s$%d:%s$%s:%s", mechanism, iterations, text(salt), text(made.StoredKey), text(made.ServerKey)), nil
}

// mechanismOf returns the mechanism whose keys an encoded entry has; "": it is a hash.
func mechanismOf(encoded string) string {
	for _, mechanism := range [...]string{ScramSHA256, ScramSHA512} {
		if strings.HasPrefix(encoded, mechanism+"$") {
			return mechanism
		}
	}
	return ""
}

// decodeScram reads what ScramLine returns.
func decodeScram(mechanism, encoded string) (k ScramKeys, err error) {
	rest := encoded[len(mechanism)+1:]
	cost, keys, ok := strings.Cut(rest, "$")
	iterations, salt, okCost := strings.Cut(cost, ":")
	stored, server, okKeys := strings.Cut(keys, ":")
	if !ok || !okCost || !okKeys {
		return k, fmt.Errorf("password hash of format %s: is not iterations:salt$StoredKey:ServerKey", mechanism)
	}
	fail := func(err error) (ScramKeys, error) {
		return ScramKeys{}, fmt.Errorf("password hash of format %s: %w", mechanism, err)
	}
	n, err := number(iterations, "iterations", ScramIterations, MaxIterations)
	if err != nil {
		return fail(err)
	}
	k.Iterations = int(n)
	size := digest(mechanism)().Size()
	for _, part := range []struct {
		to         *[]byte
		text, name string
		lo, hi     int
	}{{&k.Salt, salt, "salt", minSalt, maxSalt}, {&k.StoredKey, stored, "StoredKey", size, size}, {&k.ServerKey, server, "ServerKey", size, size}} {
		if *part.to, err = unbase64(part.text, part.name); err != nil {
			return fail(err)
		}
		if n := len(*part.to); n < part.lo || n > part.hi {
			return fail(fmt.Errorf("%s has %d bytes, not %d to %d", part.name, n, part.lo, part.hi))
		}
	}
	return k, nil
}

// errScramOnly is the error of Verify for what is no hash.
var errScramOnly = errors.New("SCRAM keys verify no password: their user has to authenticate by SCRAM")

// deriveKeys makes a mechanism's keys of a salted password, RFC 5802 §3. A hash of format $7$ is one: PBKDF2 with
// HMAC-SHA-512 over as many bytes as SHA-512 has, of the password as it is.
func deriveKeys(mechanism string, salted []byte) (stored, server []byte) {
	h := digest(mechanism)
	keyed := func(name string) []byte {
		mac := hmac.New(h, salted)
		mac.Write([]byte(name))
		return mac.Sum(nil)
	}
	sum := h()
	sum.Write(keyed("Client Key"))
	return sum.Sum(nil), keyed("Server Key")
}
