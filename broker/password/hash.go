package password

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
)

const (
	// DefaultIterations is the cost of Hash: the choice for passwords that people make up. OWASP asks for 210,000
	// iterations of PBKDF2-HMAC-SHA-512, some 140 ms of a core; 10,000 clients that come back at once to a broker
	// with two cores would wait twelve minutes for that. 10,000 iterations are some 7 ms: such a storm
	// is over in half a minute, and guessing is 100 times dearer than with Mosquitto 2.0's 101.
	// Who wants more asks for it with HashWith.
	DefaultIterations = 10_000

	// GeneratedIterations is enough for a random password of 128 bits or more, which nobody guesses at any speed.
	// It is Mosquitto 2.0's own default, and some 70 us.
	GeneratedIterations = 101

	// MaxIterations bounds what a password file can make us compute: some 700 ms a verification.
	MaxIterations = 1_000_000

	// SaltBytes is the length of salt to use. Mosquitto 2.0 reads no other; 2.1 reads 64 too.
	SaltBytes = 12

	longSaltBytes = 64
)

// Hash returns the $7$ hash of password, with DefaultIterations. salt is SaltBytes of randomness, never used twice;
// another length than HashWith accepts is a programming error and panics.
func Hash(password, salt []byte) string {
	encoded, err := HashWith(password, salt, DefaultIterations)
	if err != nil {
		panic(err)
	}
	return encoded
}

// HashWith is Hash with a number of iterations, 1 to MaxIterations. salt has SaltBytes, or 64 bytes.
func HashWith(password, salt []byte, iterations int) (string, error) {
	if n := len(salt); n != SaltBytes && n != longSaltBytes {
		return "", fmt.Errorf("hash password: salt has %d bytes, not %d or %d", n, SaltBytes, longSaltBytes)
	}
	if iterations < 1 || iterations > MaxIterations {
		return "", fmt.Errorf("hash password: %d iterations, not 1 to %d", iterations, MaxIterations)
	}
	sum, err := pbkdf2.Key(sha512.New, string(password), salt, iterations, sha512.Size)
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return encodePBKDF2(salt, iterations, sum), nil
}

func encodePBKDF2(salt []byte, iterations int, sum []byte) string {
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("$7$%d$%s$%s", iterations, text(salt), text(sum))
}
