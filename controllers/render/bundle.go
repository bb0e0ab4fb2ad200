package render

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// Shards is how many parts an auth bundle has: with a Secret of at most 1 MiB for each, 100,000
// users fit. It is fixed, since the broker pods mount all of them.
const Shards = 32

// MaxShardBytes bounds the files of one shard: what a Secret may hold, less some for its encoding.
const MaxShardBytes = 1<<20 - 4096

// ErrTooLarge is in the errors of Auth when a shard is beyond MaxShardBytes.
var ErrTooLarge = errors.New("too large")

// Account is a user that may connect.
type Account struct {
	// Username is the MQTT user name; no ':' and no control characters.
	Username string
	// PasswordHash is in one of Mosquitto's formats. Empty for a user that is Certified.
	PasswordHash string
	// Certified says that a client certificate is the user's only way in.
	Certified bool
	// Previous are the lines of the password of before, hash and SCRAM keys, which works too.
	Previous []string
	// ScramKeys are the keys of the same password for SCRAM, as password.ScramLine makes them.
	ScramKeys []string
	// Groups are the groups that ACLs may name.
	Groups []string
	// Limits are the user's own; nil: the broker's.
	Limits *config.UserLimits
}

// NamedACL is an ACL as the broker reads it; its Name is "namespace/name" of the object.
type NamedACL = config.ACL

// Bundle is one state of the users and ACLs of a Broker.
type Bundle struct {
	// Revision identifies the state; it is in Manifest.
	Revision string
	// Manifest is the content of config.BundleManifest.
	Manifest []byte
	// Shards are the other files: name -> content. An empty shard is nil.
	Shards [Shards]map[string][]byte
}

// Shard is the part of the bundle that key is in: a user name, or "namespace/name" of an ACL.
func Shard(key string) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, key) // a hash does not fail
	return int(h.Sum32() % Shards)
}

// Auth is the bundle of accounts and acls, in whatever order they come. An account that a password
// file cannot hold, a name that comes twice, and a shard beyond MaxShardBytes (ErrTooLarge) are errors.
func Auth(accounts []Account, acls []NamedACL) (*Bundle, error) {
	b := &Bundle{}
	if err := addAccounts(b, accounts); err != nil {
		return nil, err
	}
	if err := addACLs(b, acls); err != nil {
		return nil, err
	}
	for i, files := range b.Shards {
		size := 0
		for _, content := range files {
			size += len(content)
		}
		if size > MaxShardBytes {
			return nil, fmt.Errorf("auth bundle: shard %02d of %d has %d bytes, at most %d fit in a Secret: %w",
				i, Shards, size, MaxShardBytes, ErrTooLarge)
		}
	}
	return b, addManifest(b)
}

func addAccounts(b *Bundle, accounts []Account) error {
	accounts = slices.SortedFunc(slices.Values(accounts), func(x, y Account) int {
		return cmp.Compare(x.Username, y.Username)
	})
	var passwords [Shards][]byte
	var attributes [Shards]config.UserSet
	for i, a := range accounts {
		if err := checkAccount(a); err != nil {
			return err
		}
		if i > 0 && accounts[i-1].Username == a.Username {
			return fmt.Errorf("user %q is there twice", a.Username)
		}
		s := Shard(a.Username)
		passwords[s] = append(passwords[s], AccountLines(a)...)
		if attrs, ok := attributesOf(a); ok {
			attributes[s].Users = append(attributes[s].Users, attrs)
		}
	}
	for s := range Shards {
		if len(passwords[s]) > 0 {
			b.put(s, fmt.Sprintf(config.BundlePasswordsFmt, s), passwords[s])
		}
		if len(attributes[s].Users) > 0 {
			if err := b.putJSON(s, fmt.Sprintf(config.BundleUsersFmt, s), attributes[s]); err != nil {
				return err
			}
		}
	}
	return nil
}

func addACLs(b *Bundle, acls []NamedACL) error {
	acls = slices.SortedFunc(slices.Values(acls), func(x, y NamedACL) int { return cmp.Compare(x.Name, y.Name) })
	var sets [Shards]config.ACLSet
	for i, a := range acls {
		if i > 0 && acls[i-1].Name == a.Name {
			return fmt.Errorf("ACL %s is there twice", a.Name)
		}
		s := Shard(a.Name)
		sets[s].ACLs = append(sets[s].ACLs, a)
	}
	for s := range Shards {
		if len(sets[s].ACLs) > 0 {
			if err := b.putJSON(s, fmt.Sprintf(config.BundleACLsFmt, s), sets[s]); err != nil {
				return err
			}
		}
	}
	return nil
}

// addManifest names the files. The revision is the sum of `sha256sum` over them in order of their
// names, so that it can be checked by hand: sha256sum acls-* passwd-* users-* | sha256sum.
func addManifest(b *Bundle) error {
	m := config.Manifest{Files: map[string]string{}}
	for _, files := range b.Shards {
		for name, content := range files {
			m.Files[name] = hexSum(content)
		}
	}
	var list []byte
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		list = fmt.Appendf(list, "%s  %s\n", m.Files[name], name)
	}
	m.Revision = hexSum(list)
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("encode auth manifest: %w", err)
	}
	b.Revision, b.Manifest = m.Revision, append(data, '\n')
	return nil
}

func (b *Bundle) put(shard int, name string, content []byte) {
	if b.Shards[shard] == nil {
		b.Shards[shard] = map[string][]byte{}
	}
	b.Shards[shard][name] = content
}

func (b *Bundle) putJSON(shard int, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	b.put(shard, name, append(data, '\n'))
	return nil
}

func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
