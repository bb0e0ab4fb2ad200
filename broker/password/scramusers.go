package password

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"slices"
)

// ScramUsers answers with the SCRAM keys of users, of those that do not exist, too. Any number of goroutines may use it.
type ScramUsers struct {
	file   *File
	secret []byte
	hashes bool
	costs  map[string][]scramCosts // by mechanism
}

// scramCost is what a client sees of somebody's keys before it has proved anything.
type scramCost struct {
	iterations, salt int // and the length of the salt in bytes
}

// scramCosts is a cost, and how many users have it or one that comes before it.
type scramCosts struct {
	scramCost
	upTo int
}

// scramKind is keys of a mechanism, or hashes that can serve for it.
type scramKind struct {
	mechanism string
	hash      bool
	scramCost
}

// Scram answers for the users of f. secret is random and stays the same for as long as an answer for the same user
// name shall: what users that do not exist get is made of it. hashes says whether $7$ hashes serve for SCRAM-SHA-512
// where a user has no keys for it; who can read such a hash can then log in with it.
func (f *File) Scram(secret []byte, hashes bool) *ScramUsers {
	s := &ScramUsers{file: f, secret: secret, hashes: hashes, costs: make(map[string][]scramCosts)}
	for kind, n := range f.scramCosts {
		if !kind.hash || hashes {
			s.costs[kind.mechanism] = append(s.costs[kind.mechanism], scramCosts{kind.scramCost, n})
		}
	}
	for _, costs := range s.costs {
		slices.SortFunc(costs, func(a, b scramCosts) int {
			return cmp.Or(cmp.Compare(a.iterations, b.iterations), cmp.Compare(a.salt, b.salt))
		})
		for i := range costs[1:] {
			costs[i+1].upTo += costs[i].upTo
		}
	}
	return s
}

// Lookup returns the keys of user for a mechanism, and the entry of the file that they are of; "": the user does not
// exist or has none, and the keys are of no password. Those have the iterations and the length of salt that some user
// has, always the same ones for the same name, and to find them takes as long as to find real ones. Of several entries
// the first serves. The mechanism must be known.
func (s *ScramUsers) Lookup(mechanism, user string) (k ScramKeys, entry string) {
	k, salted := s.decoy(mechanism, user)
	found, kept := s.keys(mechanism, user)
	if kept == "" && s.hashes && mechanism == ScramSHA512 {
		if h, encoded := s.file.salted(user); encoded != "" {
			k, salted, entry = ScramKeys{Salt: h.salt, Iterations: int(h.passes)}, h.sum, encoded
		}
	}
	k.StoredKey, k.ServerKey = deriveKeys(mechanism, salted) // of all, for the time that it takes
	if kept != "" {
		return found, kept
	}
	return k, entry
}

// keys finds the keys that the file has.
func (s *ScramUsers) keys(mechanism, user string) (ScramKeys, string) {
	for _, encoded := range s.file.scram[user] {
		if mechanismOf(encoded) == mechanism {
			k, err := decodeScram(mechanism, encoded)
			if err == nil { // it was checked when the file was read
				return k, encoded
			}
		}
	}
	return ScramKeys{}, ""
}

// salted finds a hash that is SCRAM-SHA-512's salted password.
func (f *File) salted(user string) (hash, string) {
	for _, encoded := range f.hashes[user] {
		if h, err := decode(encoded); err == nil && h.format == formatPBKDF2 {
			return h, encoded
		}
	}
	return hash{}, ""
}

// decoy is the cost and the salt of keys of no password anybody knows, and what to derive them from.
func (s *ScramUsers) decoy(mechanism, user string) (k ScramKeys, salted []byte) {
	made := func(what string) []byte {
		mac := hmac.New(sha512.New, s.secret)
		mac.Write([]byte(what + "\x00" + mechanism + "\x00" + user))
		return mac.Sum(nil)
	}
	c := scramCost{ScramIterations, ScramSaltBytes}
	if costs := s.costs[mechanism]; len(costs) > 0 {
		total := uint64(costs[len(costs)-1].upTo)
		at := uint64(binary.BigEndian.Uint32(made("cost"))) * total >> 32 // as likely as among those that exist
		c = costs[slices.IndexFunc(costs, func(c scramCosts) bool { return uint64(c.upTo) > at })].scramCost
	}
	return ScramKeys{Salt: made("salt")[:c.salt], Iterations: c.iterations}, made("password")
}
