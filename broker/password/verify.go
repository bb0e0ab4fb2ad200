package password

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Verify reports whether password is the one that encoded was made of. The time it takes depends on encoded, not on
// where two hashes differ. An error says what is wrong with encoded, and names its format; the answer is false then.
func Verify(encoded string, password []byte) (bool, error) {
	if mechanismOf(encoded) != "" {
		return false, errScramOnly
	}
	h, err := decode(encoded)
	if err != nil {
		return false, err
	}
	return h.matches(password)
}

// Check says what is wrong with a hash or SCRAM keys, for a price that does not depend on encoded.
func Check(encoded string) error {
	if mechanism := mechanismOf(encoded); mechanism != "" {
		_, err := decodeScram(mechanism, encoded)
		return err
	}
	_, err := decode(encoded)
	return err
}

// Dummy does the work of Verify and forgets the result: for a user that does not exist, so that the time of a refusal
// does not tell who does. encoded is a hash as other users have it; File.Decoy gives one.
func Dummy(encoded string, password []byte) {
	_, _ = Verify(encoded, password) // the work is all that is wanted
}

// matches computes what h is to be and compares.
func (h hash) matches(password []byte) (bool, error) {
	var sum []byte
	switch h.format {
	case formatSHA512:
		digest := sha512.New()
		digest.Write(password)
		digest.Write(h.salt)
		sum = digest.Sum(nil)
	case formatPBKDF2:
		var err error
		if sum, err = pbkdf2.Key(sha512.New, string(password), h.salt, int(h.passes), len(h.sum)); err != nil {
			return false, fmt.Errorf("verify password with format $7$: %w", err)
		}
	case formatArgon2id:
		sum = argon2.IDKey(password, h.salt, h.passes, h.memory, h.lanes, uint32(len(h.sum)))
	default:
		return false, errors.New("verify password: the hash has no format")
	}
	return subtle.ConstantTimeCompare(sum, h.sum) == 1, nil
}
