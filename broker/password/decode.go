package password

import (
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The least and the most that salts and hashes have, in bytes; the hashes of $6$ and $7$ are as long as SHA-512's.
const (
	minSalt = 8
	maxSalt = 64
	minSum  = 16
	maxSum  = 64
)

// hash is an encoded password hash, decoded and within the bounds.
type hash struct {
	cost
	salt, sum []byte
}

// decoders read what follows the name of a format.
var decoders = map[string]func(h *hash, rest string) error{
	formatSHA512:   (*hash).decodeSHA512,
	formatPBKDF2:   (*hash).decodePBKDF2,
	formatArgon2id: (*hash).decodeArgon2id,
}

// decode reads one of the formats. Its errors name the format and never quote what may be a secret.
func decode(encoded string) (hash, error) {
	for format, read := range decoders {
		rest, ok := strings.CutPrefix(encoded, format)
		if !ok {
			continue
		}
		h := hash{cost: cost{format: format}}
		if err := read(&h, rest); err != nil {
			return hash{}, fmt.Errorf("password hash of format %s: %w", format, err)
		}
		return h, nil
	}
	return hash{}, unknown(encoded)
}

// unknown is the error for a hash of no known format. The format is named only if it is one that others use: what
// stands there could be the begin of a password.
func unknown(encoded string) error {
	const known = "is none of $7$, $6$ and $argon2id$"
	if encoded == "" {
		return errors.New("password hash is empty")
	}
	if encoded[0] != '$' {
		return errors.New("password hash does not begin with '$': is it a password that was not hashed?")
	}
	switch name, _, _ := strings.Cut(encoded[1:], "$"); name {
	case "1", "2a", "2b", "2y", "5", "y", "argon2d", "argon2i", "scrypt":
		return fmt.Errorf("format $%s$ of password hash %s", name, known)
	}
	return fmt.Errorf("format of password hash %s", known)
}

func (h *hash) decodePBKDF2(rest string) error {
	fields, err := split(rest, "iterations, salt and hash", 3)
	if err != nil {
		return err
	}
	if h.passes, err = number(fields[0], "iterations", 1, MaxIterations); err != nil {
		return err
	}
	return h.setSaltAndSum(fields[1], fields[2], sha512.Size)
}

func (h *hash) decodeSHA512(rest string) error {
	fields, err := split(rest, "salt and hash", 2)
	if err != nil {
		return err
	}
	return h.setSaltAndSum(fields[0], fields[1], sha512.Size)
}

func (h *hash) decodeArgon2id(rest string) error {
	fields, err := split(rest, "version, costs, salt and hash", 4)
	if err != nil {
		return err
	}
	if fields[0] != "v=19" {
		return errors.New("version is not v=19")
	}
	costs := strings.Split(fields[1], ",")
	if len(costs) != 3 {
		return errors.New("costs are not m=KiB,t=passes,p=lanes")
	}
	var lanes uint32
	for i, c := range []struct {
		to     *uint32
		key    string
		lo, hi uint32
	}{{&h.memory, "m", 8, maxMemoryKiB}, {&h.passes, "t", 1, maxPasses}, {&lanes, "p", 1, maxLanes}} {
		value, ok := strings.CutPrefix(costs[i], c.key+"=")
		if !ok {
			return errors.New("costs are not m=KiB,t=passes,p=lanes")
		}
		if *c.to, err = number(value, "cost "+c.key, c.lo, c.hi); err != nil {
			return err
		}
	}
	h.lanes = uint8(lanes)
	if h.memory < 8*lanes {
		return fmt.Errorf("cost m is %d KiB, less than 8 for each of %d lanes", h.memory, lanes)
	}
	return h.setSaltAndSum(fields[2], fields[3], 0)
}

// setSaltAndSum decodes both. size is the length the hash has to have; 0: any within the bounds.
func (h *hash) setSaltAndSum(salt, sum string, size int) error {
	var err error
	if h.salt, err = unbase64(salt, "salt"); err != nil {
		return err
	}
	if n := len(h.salt); n < minSalt || n > maxSalt {
		return fmt.Errorf("salt has %d bytes, not %d to %d", n, minSalt, maxSalt)
	}
	if h.sum, err = unbase64(sum, "hash"); err != nil {
		return err
	}
	switch n := len(h.sum); {
	case size > 0 && n != size:
		return fmt.Errorf("hash has %d bytes, not %d", n, size)
	case n < minSum || n > maxSum:
		return fmt.Errorf("hash has %d bytes, not %d to %d", n, minSum, maxSum)
	}
	return nil
}

func split(rest, what string, n int) ([]string, error) {
	fields := strings.Split(rest, "$")
	if len(fields) != n {
		return nil, fmt.Errorf("has %d fields, not %d: %s", len(fields), n, what)
	}
	return fields, nil
}

func number(text, what string, lo, hi uint32) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || uint32(n) < lo || uint32(n) > hi {
		return 0, fmt.Errorf("%s is not a number from %d to %d", what, lo, hi)
	}
	return uint32(n), nil
}

// unbase64 takes base64 with padding, as $6$ and $7$ have it, and without, as $argon2id$ has it.
func unbase64(text, what string) ([]byte, error) {
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, fmt.Errorf("%s is not base64", what)
	}
	return b, nil
}
