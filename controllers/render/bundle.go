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
	// Labels are the User object's, which selectors of ACLs pick users by. The broker is not told them.
	Labels map[string]string
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
	// Issuer is the content of config.BundleIssuer; nil: there is none.
	Issuer []byte
	// Shards are the other files: name -> content. An empty shard is nil.
	Shards [Shards]map[string][]byte
}

// Shard is the part of the bundle that key is in: a user name, or "namespace/name" of an ACL.
func Shard(key string) int {
	h := fnv.New32a()
	_, _ = io.WriteString(h, key) // a hash does not fail
	return int(h.Sum32() % Shards)
}

// Auth is the bundle of accounts and acls, in whatever order they come, and of who makes tokens; nil: none are taken. An account that a password
// file cannot hold, a name that comes twice, and a shard beyond MaxShardBytes (ErrTooLarge) are errors.
func Auth(accounts []Account, acls []NamedACL, issuer *config.TokenIssuer) (*Bundle, error) {
	var accountsIn [Shards][]Account
	for _, a := range accounts {
		s := Shard(a.Username)
		accountsIn[s] = append(accountsIn[s], a)
	}
	var aclsIn [Shards][]NamedACL
	for _, a := range acls {
		s := Shard(a.Name)
		aclsIn[s] = append(aclsIn[s], a)
	}
	b, sums, selectors := &Bundle{}, map[string]string{}, NewSelectors(acls)
	for s := range Shards {
		var err error
		if b.Shards[s], err = AuthShard(s, accountsIn[s], aclsIn[s], selectors); err != nil {
			return nil, err
		}
		maps.Copy(sums, Sums(b.Shards[s]))
	}
	var err error
	if b.Issuer, err = IssuerFile(issuer); err != nil {
		return nil, err
	}
	if b.Issuer != nil {
		sums[config.BundleIssuer] = Sum(b.Issuer)
	}
	b.Revision, b.Manifest, err = AuthManifest(sums)
	return b, err
}

// AuthShard is one shard of the bundle, of the accounts and acls that belong into it: name -> content; nil if it is empty.
// selectors are those of the ACLs of all shards. The errors are those of Auth.
func AuthShard(shard int, accounts []Account, acls []NamedACL, selectors *Selectors) (map[string][]byte, error) {
	files := map[string][]byte{}
	if err := addAccounts(files, shard, accounts, selectors); err != nil {
		return nil, err
	}
	if err := addACLs(files, shard, acls); err != nil {
		return nil, err
	}
	size := 0
	for _, content := range files {
		size += len(content)
	}
	if size > MaxShardBytes {
		return nil, fmt.Errorf("auth bundle: shard %02d of %d has %d bytes, at most %d fit in a Secret: %w",
			shard, Shards, size, MaxShardBytes, ErrTooLarge)
	}
	if len(files) == 0 {
		return nil, nil
	}
	return files, nil
}

func addAccounts(files map[string][]byte, shard int, accounts []Account, selectors *Selectors) error {
	accounts = slices.SortedFunc(slices.Values(accounts), func(x, y Account) int {
		return cmp.Compare(x.Username, y.Username)
	})
	var passwords []byte
	var attributes config.UserSet
	for i, a := range accounts {
		if err := checkAccount(a); err != nil {
			return err
		}
		if i > 0 && accounts[i-1].Username == a.Username {
			return fmt.Errorf("user %q is there twice", a.Username)
		}
		passwords = append(passwords, AccountLines(a)...)
		if attrs, ok := attributesOf(a, selectors); ok {
			attributes.Users = append(attributes.Users, attrs)
		}
	}
	if len(passwords) > 0 {
		files[fmt.Sprintf(config.BundlePasswordsFmt, shard)] = passwords
	}
	if len(attributes.Users) == 0 {
		return nil
	}
	return putJSON(files, fmt.Sprintf(config.BundleUsersFmt, shard), attributes)
}

func addACLs(files map[string][]byte, shard int, acls []NamedACL) error {
	acls = slices.SortedFunc(slices.Values(acls), func(x, y NamedACL) int { return cmp.Compare(x.Name, y.Name) })
	for i := 1; i < len(acls); i++ {
		if acls[i-1].Name == acls[i].Name {
			return fmt.Errorf("ACL %s is there twice", acls[i].Name)
		}
	}
	if len(acls) == 0 {
		return nil
	}
	return putJSON(files, fmt.Sprintf(config.BundleACLsFmt, shard), config.ACLSet{ACLs: acls})
}

// Sums are the SHA-256 sums of files, as the manifest has them: name -> hex.
func Sums(files map[string][]byte) map[string]string {
	sums := make(map[string]string, len(files))
	for name, content := range files {
		sums[name] = Sum(content)
	}
	return sums
}

// AuthManifest is the content of config.BundleManifest for the files of all shards and the issuer's, of which sums has name -> sum. The revision is the
// sum of `sha256sum` over them in order of their names, so that it can be checked by hand: sha256sum acls-* issuer.json passwd-* users-* | sha256sum.
func AuthManifest(sums map[string]string) (revision string, manifest []byte, err error) {
	var list []byte
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		list = fmt.Appendf(list, "%s  %s\n", sums[name], name)
	}
	m := config.Manifest{Revision: Sum(list), Files: sums}
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return "", nil, fmt.Errorf("encode auth manifest: %w", err)
	}
	return m.Revision, append(data, '\n'), nil
}

func putJSON(files map[string][]byte, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	files[name] = append(data, '\n')
	return nil
}

// Sum is what the manifest of a bundle vouches for a file by.
func Sum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
