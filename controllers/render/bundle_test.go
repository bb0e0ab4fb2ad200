package render_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// hash is one that mosquitto_passwd could have made, of no password that matters.
const hash = "$7$101$AAAAAAAAAAAAAAAA$AAAA"

func accounts() []render.Account {
	return []render.Account{
		{Username: "alice", PasswordHash: hash, Groups: []string{"ops", "admins", "ops"}},
		{Username: "bob", PasswordHash: hash, Limits: &config.UserLimits{}},
		{
			Username: "pump", PasswordHash: hash,
			Limits: &config.UserLimits{MaxConnections: new(int32(3)), PublishMessagesPerSecond: new(int32(0)), PublishBytesPerSecond: new(int64(4096))},
		},
		{Username: "Zoë", PasswordHash: hash, Groups: []string{"ops"}},
	}
}

func acls() []render.NamedACL {
	return []render.NamedACL{render.ACL(acl("a", "sensors/#", "${username}/+")), render.ACL(acl("b", "x"))}
}

func auth(t *testing.T, accounts []render.Account, acls []render.NamedACL) *render.Bundle {
	t.Helper()
	b, err := render.Auth(accounts, acls, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAuth(t *testing.T) {
	b := auth(t, accounts(), acls())
	var out bytes.Buffer
	fmt.Fprintf(&out, "==> manifest.json <==\n%s", b.Manifest)
	for i, files := range b.Shards {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			fmt.Fprintf(&out, "==> %s (shard %d) <==\n%s", name, i, files[name])
		}
	}
	golden(t, "bundle.txt", out.Bytes())
}

func TestAuthIsDeterministic(t *testing.T) {
	a, c := accounts(), acls()
	want := auth(t, a, c)
	slices.Reverse(a)
	slices.Reverse(c)
	a[0].Groups = slices.Clone(a[0].Groups)
	slices.Reverse(a[0].Groups)
	got := auth(t, a, c)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if a[0].Username != "Zoë" {
		t.Error("Auth ordered its caller's accounts")
	}
}

func TestManifestNamesEveryFile(t *testing.T) {
	b := auth(t, accounts(), acls())
	var m config.Manifest
	if err := json.Unmarshal(b.Manifest, &m); err != nil {
		t.Fatal(err)
	}
	sums := map[string]string{}
	for _, files := range b.Shards {
		for name, content := range files {
			sum := sha256.Sum256(content)
			sums[name] = hex.EncodeToString(sum[:])
		}
	}
	if diff := cmp.Diff(sums, m.Files); diff != "" || m.Revision != b.Revision || len(m.Revision) != 64 {
		t.Errorf("revision %q, bundle's %q, files:\n%s", m.Revision, b.Revision, diff)
	}
}

func TestRevisionFollowsContent(t *testing.T) {
	seen := map[string]string{}
	for name, b := range map[string]*render.Bundle{
		"all":            auth(t, accounts(), acls()),
		"no ACLs":        auth(t, accounts(), nil),
		"no users":       auth(t, nil, acls()),
		"nothing":        auth(t, nil, nil),
		"other password": auth(t, append(accounts()[1:], render.Account{Username: "alice", PasswordHash: hash + "A"}), acls()),
	} {
		if other, ok := seen[b.Revision]; ok {
			t.Errorf("%s and %s have the same revision", name, other)
		}
		seen[b.Revision] = name
	}
}

func TestPasswordFilesAreMosquittos(t *testing.T) {
	b := auth(t, accounts()[:1], nil)
	data := b.Shards[render.Shard("alice")][fmt.Sprintf(config.BundlePasswordsFmt, render.Shard("alice"))]
	salt := bytes.Repeat([]byte{1}, password.SaltBytes)
	real, err := password.HashWith([]byte("secret"), salt, 1)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte(hash), []byte(real))
	file, err := password.Parse(bytes.NewReader(data), "passwd")
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := file.Verify("alice", []byte("secret")); !ok || err != nil {
		t.Errorf("verified %v, error %v", ok, err)
	}
}

func TestAuthRefuses(t *testing.T) {
	for _, tt := range []struct {
		name     string
		accounts []render.Account
		acls     []render.NamedACL
		want     string
	}{
		{name: "empty name", accounts: []render.Account{{PasswordHash: hash}}, want: "a user has an empty name"},
		{name: "colon", accounts: []render.Account{{Username: "a:b", PasswordHash: hash}}, want: `user "a:b": the name has a ':'`},
		{name: "newline", accounts: []render.Account{{Username: "a\nroot", PasswordHash: hash}}, want: `user "a\nroot": the name has`},
		{name: "no hash", accounts: []render.Account{{Username: "a"}}, want: `user "a": no password hash`},
		{name: "hash with newline", accounts: []render.Account{{Username: "a", PasswordHash: "$7$\nroot:x"}}, want: "hash has a control character"},
		{name: "same user", accounts: append(accounts(), accounts()[0]), want: `user "alice" is there twice`},
		{name: "same ACL", acls: append(acls(), acls()[0]), want: "ACL default/a is there twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := render.Auth(tt.accounts, tt.acls, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestAuthBoundsShards(t *testing.T) {
	big := acl("big")
	for range render.MaxShardBytes / 1000 {
		big.Spec.Rules[0].Topics = append(big.Spec.Rules[0].Topics, strings.Repeat("x", 1000))
	}
	_, err := render.Auth(nil, []render.NamedACL{render.ACL(big)}, nil)
	if !errors.Is(err, render.ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}

// TestManyUsersFit is DESIGN.md's promise: 100,000 users in one bundle.
func TestManyUsersFit(t *testing.T) {
	salt := bytes.Repeat([]byte{1}, password.SaltBytes)
	encoded, err := password.HashWith([]byte("x"), salt, password.GeneratedIterations)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]render.Account, 100_000)
	for i := range many {
		many[i] = render.Account{Username: fmt.Sprintf("device-%08d@plant.example.com", i), PasswordHash: encoded}
	}
	auth(t, many, nil)
}

func TestShardIsStable(t *testing.T) {
	for key, want := range map[string]int{"alice": 7, "default/alice-sensors": 15, "": 5} {
		if got := render.Shard(key); got != want {
			t.Errorf("Shard(%q) is %d, was %d: a change moves users between Secrets", key, got, want)
		}
	}
}

func TestHasAccount(t *testing.T) {
	b := auth(t, accounts(), nil)
	with := func(username, hash string, groups ...string) render.Account {
		return render.Account{Username: username, PasswordHash: hash, Groups: groups}
	}
	for _, tt := range []struct {
		name    string
		account render.Account
		want    bool
	}{
		{"as it is", accounts()[0], true},
		{"without groups", accounts()[1], true},
		{"groups in another order", with("alice", hash, "ops", "admins"), true},
		{"other password", with("bob", hash+"A"), false},
		{"with limits", accounts()[2], true},
		{"no limits any more", with("pump", hash), false},
		{"beginning of the hash", with("bob", hash[:len(hash)-1]), false},
		{"group more", with("bob", hash, "ops"), false},
		{"group less", with("alice", hash, "ops"), false},
		{"no groups any more", with("alice", hash), false},
		{"end of a name", with("ice", hash), false},
		{"nobody", with("carol", hash), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := b.Shards[render.Shard(tt.account.Username)]
			if tt.account.Username == "ice" {
				files = map[string][]byte{fmt.Sprintf(config.BundlePasswordsFmt, render.Shard("ice")): render.AccountLines(accounts()[0])}
			}
			if got := render.HasAccount(files, tt.account, render.NewSelectors(acls())); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestHasACL(t *testing.T) {
	b := auth(t, nil, acls())
	files := b.Shards[render.Shard("default/a")]
	if !render.HasACL(files, acls()[0]) {
		t.Error("an ACL of the bundle is not found")
	}
	changed := acls()[0]
	changed.Priority = 1
	if render.HasACL(files, changed) || render.HasACL(nil, acls()[0]) {
		t.Error("an ACL is found that is not in the bundle")
	}
}
