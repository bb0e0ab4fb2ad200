package render

import (
	"fmt"
	"io"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// alphabet is what generated passwords are made of: nothing that a shell or a URI gives a meaning to.
const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// defaultPasswordLength is the length of a password for a User that does not say.
const defaultPasswordLength = 32

// Generated says whether the User's password is made up by Dunlin, and how long it has to be.
func Generated(u *v1alpha1.User) (length int, ok bool) {
	source := u.Spec.Authentication.Password
	switch {
	case source.SecretRef != nil || source.PasswordHash != "":
		return 0, false
	case source.Generate != nil && source.Generate.Length > 0:
		return int(source.Generate.Length), true
	}
	return defaultPasswordLength, true
}

// GeneratePassword makes a password of length characters from random, which is crypto/rand.Reader
// but in tests.
func GeneratePassword(length int, random io.Reader) (string, error) {
	const usable = 256 - 256%len(alphabet) // bytes beyond it would make the first characters likelier
	out := make([]byte, 0, length)
	buffer := make([]byte, length)
	for len(out) < length {
		if _, err := io.ReadFull(random, buffer); err != nil {
			return "", fmt.Errorf("generate password: %w", err)
		}
		for _, b := range buffer {
			if int(b) < usable && len(out) < length {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out), nil
}

// PasswordHash is the hash to put in force for a password: kept, as long as it is a hash of it, so that
// nothing changes when nothing changed; else a new one with a salt from random. A generated password,
// which nobody guesses, costs few iterations.
func PasswordHash(kept string, plain []byte, generated bool, random io.Reader) (string, error) {
	if kept != "" {
		if ok, err := password.Verify(kept, plain); err == nil && ok {
			return kept, nil
		}
	}
	salt := make([]byte, password.SaltBytes)
	if _, err := io.ReadFull(random, salt); err != nil {
		return "", fmt.Errorf("make salt: %w", err)
	}
	iterations := password.DefaultIterations
	if generated {
		iterations = password.GeneratedIterations
	}
	return password.HashWith(plain, salt, iterations)
}
