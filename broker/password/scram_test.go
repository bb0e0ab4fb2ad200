package password_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xdg-go/scram"

	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// generators are what a client does for each mechanism.
var generators = map[string]scram.HashGeneratorFcn{password.ScramSHA256: scram.SHA256, password.ScramSHA512: scram.SHA512}

// keys makes a line of a password file.
func keys(t testing.TB, mechanism, secret string, salt byte) string {
	t.Helper()
	line, err := password.ScramLine(mechanism, []byte(secret), bytes.Repeat([]byte{salt}, password.ScramSaltBytes), password.ScramIterations)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// users are those of a password file.
func users(t testing.TB, lines ...string) *password.File {
	t.Helper()
	file, err := password.Parse(strings.NewReader(strings.Join(lines, "\n")), "users")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// authenticate lets a client with a password prove it to who has keys, by the library's own client.
func authenticate(t testing.TB, mechanism, secret string, k password.ScramKeys) bool {
	t.Helper()
	client, err := generators[mechanism].NewClient("ann", secret, "")
	if err != nil {
		t.Fatal(err)
	}
	server, err := generators[mechanism].NewServer(func(string) (scram.StoredCredentials, error) {
		return scram.StoredCredentials{
			KeyFactors: scram.KeyFactors{Salt: string(k.Salt), Iters: k.Iterations}, StoredKey: k.StoredKey, ServerKey: k.ServerKey,
		}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, s := client.WithMinIterations(1).NewConversation(), server.NewConversation()
	said := ""
	for !c.Done() {
		if said, err = c.Step(said); err == nil && !c.Done() {
			said, err = s.Step(said)
		}
		if err != nil {
			return false
		}
	}
	return s.Valid() && c.Valid()
}

// TestScramVector is RFC 7677 §3: what PostgreSQL would store for its user, and nothing else.
func TestScramVector(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	line, err := password.ScramLine(password.ScramSHA256, []byte("pencil"), salt, 4096)
	const want = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if line != want || err != nil {
		t.Errorf("%s, %v", line, err)
	}
}

func TestScramKeys(t *testing.T) {
	for _, mechanism := range []string{password.ScramSHA256, password.ScramSHA512} {
		file := users(t, "ann:"+keys(t, mechanism, "sécret", 1))
		k, entry := file.Scram(nil, false).Lookup(mechanism, "ann")
		if !authenticate(t, mechanism, "sécret", k) || authenticate(t, mechanism, "secret", k) || !file.Holds("ann", entry) {
			t.Errorf("%s: %q", mechanism, entry)
		}
		// Composed and not is the same to SASLprep.
		if !authenticate(t, mechanism, "se\u0301cret", k) {
			t.Errorf("%s: SASLprep was not applied", mechanism)
		}
		if ok, err := file.Verify("ann", []byte("sécret")); ok || err != nil {
			t.Errorf("%s: a user with SCRAM keys only logs in without SCRAM: %v, %v", mechanism, ok, err)
		}
		if ok, err := password.Verify(entry, []byte("sécret")); ok || err == nil {
			t.Errorf("Verify of SCRAM keys: %v, %v", ok, err)
		}
	}
}

// TestMosquittoHashServesScram: the $7$ hashes that mosquitto_passwd writes are SCRAM-SHA-512's SaltedPassword.
func TestMosquittoHashServesScram(t *testing.T) {
	file := parseFile(t, "testdata/mosquitto-2.0.passwd")
	for user, secret := range map[string]string{"alice": "secret", "dave": "plain text", "über user": "$7$:#"} {
		k, entry := file.Scram(nil, true).Lookup(password.ScramSHA512, user)
		if !slices.Contains(file.Lookup(user), entry) || !strings.HasPrefix(entry, "$7$") {
			t.Fatalf("%s: entry %q", user, entry)
		}
		if !authenticate(t, password.ScramSHA512, secret, k) || authenticate(t, password.ScramSHA512, secret+"x", k) {
			t.Errorf("%s does not authenticate by the $7$ hash", user)
		}
		if _, entry := file.Scram(nil, false).Lookup(password.ScramSHA512, user); entry != "" {
			t.Errorf("%s: a hash serves though it is not allowed to", user)
		}
		if _, entry := file.Scram(nil, true).Lookup(password.ScramSHA256, user); entry != "" {
			t.Errorf("%s: a SHA-512 hash serves for SHA-256", user)
		}
	}
}

// TestScramKeysBeforeHashes: where there are keys, the hash serves nobody who has read it.
func TestScramKeysBeforeHashes(t *testing.T) {
	file := users(t, "ann:"+quick(t, "x", 1), "ann:"+keys(t, password.ScramSHA512, "x", 1), "ann:"+keys(t, password.ScramSHA512, "y", 2))
	k, entry := file.Scram(nil, true).Lookup(password.ScramSHA512, "ann")
	if !authenticate(t, password.ScramSHA512, "x", k) || mechanism(entry) != password.ScramSHA512 || k.Iterations != 4096 {
		t.Errorf("%d iterations of %q", k.Iterations, entry)
	}
}

func mechanism(entry string) string {
	name, _, _ := strings.Cut(entry, "$")
	return name
}

// TestUnknownUserLooksLikeAny: what a client sees of a user that does not exist is the same each time, differs from
// name to name, and is spread over the costs as it is among those that exist.
func TestUnknownUserLooksLikeAny(t *testing.T) {
	secret := []byte("of this process")
	lines := []string{"sha:" + keys(t, password.ScramSHA256, "x", 1)}
	for i := range 30 {
		lines = append(lines, fmt.Sprintf("k%d:%s", i, keys(t, password.ScramSHA512, "x", byte(i))))
	}
	for i := range 10 {
		lines = append(lines, fmt.Sprintf("h%d:%s", i, quick(t, "x", i)))
	}
	file := users(t, lines...)
	s := file.Scram(secret, true)
	got := map[string]int{}
	salts := map[string]bool{}
	for i := range 400 {
		name := fmt.Sprint("nobody", i)
		k, entry := s.Lookup(password.ScramSHA512, name)
		again, _ := file.Scram(secret, true).Lookup(password.ScramSHA512, name)
		if diff := cmp.Diff(k, again); diff != "" || entry != "" {
			t.Fatalf("%s is told apart by asking twice: %s", name, diff)
		}
		got[fmt.Sprint(k.Iterations, " ", len(k.Salt))]++
		salts[string(k.Salt)] = true
		if len(k.StoredKey) != 64 || len(k.ServerKey) != 64 {
			t.Fatalf("keys of %d and %d bytes", len(k.StoredKey), len(k.ServerKey))
		}
	}
	if len(got) != 2 || got["4096 16"] < 240 || got["1 12"] < 60 || len(salts) != 400 {
		t.Errorf("costs %v, %d salts", got, len(salts))
	}
	if k, _ := file.Scram([]byte("of another"), true).Lookup(password.ScramSHA512, "nobody1"); salts[string(k.Salt)] {
		t.Error("the salt is not made of the secret")
	}
	// With no keys at all there is nothing to look like.
	if k, _ := users(t).Scram(secret, true).Lookup(password.ScramSHA256, "nobody"); k.Iterations != 4096 || len(k.Salt) != 16 {
		t.Errorf("%d iterations, %d bytes of salt", k.Iterations, len(k.Salt))
	}
	// Somebody who has keys of the other mechanism only is as unknown.
	if k, entry := s.Lookup(password.ScramSHA512, "sha"); entry != "" || authenticate(t, password.ScramSHA512, "x", k) {
		t.Errorf("keys of another mechanism serve: %q", entry)
	}
}

func TestScramLineRefuses(t *testing.T) {
	salt := make([]byte, 16)
	for _, r := range []struct {
		mechanism, secret string
		salt              []byte
		iterations        int
		want              string
	}{
		{"SCRAM-SHA-1", "x", salt, 4096, `make SCRAM keys: no mechanism "SCRAM-SHA-1": there are SCRAM-SHA-256 and SCRAM-SHA-512`},
		{password.ScramSHA256, "x", salt[:7], 4096, "make SCRAM keys: salt has 7 bytes, not 8 to 64"},
		{password.ScramSHA256, "x", salt, 4095, "make SCRAM keys: 4095 iterations, not 4096 to 1000000"},
		{password.ScramSHA256, "x", salt, 1_000_001, "make SCRAM keys: 1000001 iterations, not 4096 to 1000000"},
		{password.ScramSHA256, "\x07bell", salt, 4096, "make SCRAM keys: Error SASLprepping password: prohibited character"},
	} {
		if _, err := password.ScramLine(r.mechanism, []byte(r.secret), r.salt, r.iterations); err == nil || err.Error() != r.want {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestCheckScram(t *testing.T) {
	salt, sum := strings.Repeat("A", 22), base64.StdEncoding.EncodeToString(make([]byte, 32))
	const format = "password hash of format SCRAM-SHA-256: "
	for _, r := range []struct{ encoded, want string }{
		{"SCRAM-SHA-256$", format + "is not iterations:salt$StoredKey:ServerKey"},
		{"SCRAM-SHA-256$4096:" + salt + "$" + sum, format + "is not iterations:salt$StoredKey:ServerKey"},
		{"SCRAM-SHA-256$4095:" + salt + "$" + sum + ":" + sum, format + "iterations is not a number from 4096 to 1000000"},
		{"SCRAM-SHA-256$1000001:" + salt + "$" + sum + ":" + sum, format + "iterations is not a number from 4096 to 1000000"},
		{"SCRAM-SHA-256$4096:AAAA$" + sum + ":" + sum, format + "salt has 3 bytes, not 8 to 64"},
		{"SCRAM-SHA-256$4096:" + salt + "$AAAA:" + sum, format + "StoredKey has 3 bytes, not 32 to 32"},
		{"SCRAM-SHA-256$4096:" + salt + "$" + sum + ":!", format + "ServerKey is not base64"},
		{"SCRAM-SHA-1$4096:" + salt + "$" + sum + ":" + sum, "password hash does not begin with '$': is it a password that was not hashed?"},
	} {
		if err := password.Check(r.encoded); err == nil || err.Error() != r.want {
			t.Errorf("Check(%q) = %v", r.encoded, err)
		}
	}
}

// TestScramDecoysFitHashes: keys do not change how long an unknown user's password takes.
func TestScramDecoysFitHashes(t *testing.T) {
	file := users(t, "a:"+quick(t, "x", 1), "b:"+keys(t, password.ScramSHA512, "x", 1), "b:"+keys(t, password.ScramSHA256, "x", 1), "c:"+keys(t, password.ScramSHA512, "x", 1))
	if decoy := file.Decoy(); !strings.HasPrefix(decoy, "$7$1$") || file.Len() != 3 || !file.Has("b") || file.Has("d") {
		t.Errorf("decoy %s, %d users", decoy, file.Len())
	}
}

// BenchmarkScramLookup is what a step of SCRAM costs the broker beside the proof.
func BenchmarkScramLookup(b *testing.B) {
	s := users(b, "ann:"+keys(b, password.ScramSHA512, "x", 1), "bob:"+quick(b, "x", 1)).Scram([]byte("x"), true)
	for _, user := range []string{"ann", "bob", "nobody"} {
		b.Run(user, func(b *testing.B) {
			for b.Loop() {
				s.Lookup(password.ScramSHA512, user)
			}
		})
	}
}
