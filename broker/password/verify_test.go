package password_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// Hashes that other programs made, and the passwords they were made of.
func TestVerifyHashesOfOthers(t *testing.T) {
	passwords := map[string]map[string]string{
		"testdata/mosquitto-2.0.passwd": {"alice": "secret", "bob": "pässword", "über user": "$7$:#", "dave": "plain text"},
		"testdata/argon2id.passwd":      {"erin": "x", "frank": "correct horse"},
	}
	for name, users := range passwords {
		file := parseFile(t, name)
		if file.Len() != len(users) {
			t.Errorf("%s has %d users", name, file.Len())
		}
		for user, secret := range users {
			for _, encoded := range file.Lookup(user) {
				for _, try := range []string{secret, secret + " ", ""} {
					ok, err := password.Verify(encoded, []byte(try))
					if ok != (try == secret) || err != nil {
						t.Errorf("%s: %s with %q: %v, %v", name, user, try, ok, err)
					}
				}
			}
		}
	}
}

func parseFile(t *testing.T, name string) *password.File {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	file, err := password.Parse(bytes.NewReader(data), name)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestHashIsDeterministicAndVerifies(t *testing.T) {
	salt := []byte("0123456789ab")
	encoded := password.Hash([]byte("secret"), salt)
	if !strings.HasPrefix(encoded, fmt.Sprintf("$7$%d$MDEyMzQ1Njc4OWFi$", password.DefaultIterations)) {
		t.Errorf("Hash returned %q", encoded)
	}
	if again := password.Hash([]byte("secret"), salt); again != encoded {
		t.Errorf("Hash returned %q, then %q", encoded, again)
	}
	few, err := password.HashWith([]byte("secret"), bytes.Repeat([]byte{7}, 64), password.GeneratedIterations)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{encoded, few} {
		if ok, err := password.Verify(e, []byte("secret")); !ok || err != nil {
			t.Errorf("Verify(%q) = %v, %v", e, ok, err)
		}
		if ok, err := password.Verify(e, []byte("Secret")); ok || err != nil {
			t.Errorf("Verify(%q) of another password = %v, %v", e, ok, err)
		}
	}
}

func TestHashWithRefuses(t *testing.T) {
	for _, r := range []struct {
		salt, iterations int
		want             string
	}{
		{0, 1, "hash password: salt has 0 bytes, not 12 or 64"},
		{16, 1, "hash password: salt has 16 bytes, not 12 or 64"},
		{12, 0, "hash password: 0 iterations, not 1 to 1000000"},
		{12, 1_000_001, "hash password: 1000001 iterations, not 1 to 1000000"},
	} {
		_, err := password.HashWith([]byte("x"), make([]byte, r.salt), r.iterations)
		if err == nil || err.Error() != r.want {
			t.Errorf("%d bytes, %d iterations: %v", r.salt, r.iterations, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Hash took a salt of no bytes")
		}
	}()
	password.Hash([]byte("x"), nil)
}

// Broken hashes, and what is said about them. None of it quotes the hash.
func TestVerifyRefuses(t *testing.T) {
	salt, sum := strings.Repeat("A", 16), strings.Repeat("A", 86)+"=="
	const unknown = "of password hash is none of $7$, $6$ and $argon2id$"
	for _, r := range []struct{ encoded, want string }{
		{"", "password hash is empty"},
		{"hunter2", "password hash does not begin with '$': is it a password that was not hashed?"},
		{"$2y$10$abc", "format $2y$ " + unknown},
		{"$5$a$b", "format $5$ " + unknown},
		{"$hunter2$", "format " + unknown},
		{"$", "format " + unknown},
		{"$7$", "password hash of format $7$: has 1 fields, not 3: iterations, salt and hash"},
		{"$7$101$" + salt, "password hash of format $7$: has 2 fields, not 3: iterations, salt and hash"},
		{"$7$101$" + salt + "$" + sum + "$", "password hash of format $7$: has 4 fields, not 3: iterations, salt and hash"},
		{"$7$0$" + salt + "$" + sum, "password hash of format $7$: iterations is not a number from 1 to 1000000"},
		{"$7$-1$" + salt + "$" + sum, "password hash of format $7$: iterations is not a number from 1 to 1000000"},
		{"$7$1000001$" + salt + "$" + sum, "password hash of format $7$: iterations is not a number from 1 to 1000000"},
		{"$7$4294967297$" + salt + "$" + sum, "password hash of format $7$: iterations is not a number from 1 to 1000000"},
		{"$7$101$!$" + sum, "password hash of format $7$: salt is not base64"},
		{"$7$101$AAAA$" + sum, "password hash of format $7$: salt has 3 bytes, not 8 to 64"},
		{"$7$101$" + strings.Repeat("A", 88) + "$" + sum, "password hash of format $7$: salt has 66 bytes, not 8 to 64"},
		{"$7$101$" + salt + "$?", "password hash of format $7$: hash is not base64"},
		{"$7$101$" + salt + "$" + salt, "password hash of format $7$: hash has 12 bytes, not 64"},
		{"$6$" + salt, "password hash of format $6$: has 1 fields, not 2: salt and hash"},
		{"$6$" + salt + "$", "password hash of format $6$: hash has 0 bytes, not 64"},
		{argon("v=18", "m=4096,t=1,p=1"), "password hash of format $argon2id$: version is not v=19"},
		{argon("v=19", "t=1,m=4096,p=1"), "password hash of format $argon2id$: costs are not m=KiB,t=passes,p=lanes"},
		{argon("v=19", "m=4096,t=1"), "password hash of format $argon2id$: costs are not m=KiB,t=passes,p=lanes"},
		{argon("v=19", "m=65537,t=1,p=1"), "password hash of format $argon2id$: cost m is not a number from 8 to 65536"},
		{argon("v=19", "m=4096,t=0,p=1"), "password hash of format $argon2id$: cost t is not a number from 1 to 8"},
		{argon("v=19", "m=4096,t=9,p=1"), "password hash of format $argon2id$: cost t is not a number from 1 to 8"},
		{argon("v=19", "m=4096,t=1,p=257"), "password hash of format $argon2id$: cost p is not a number from 1 to 8"},
		{argon("v=19", "m=8,t=1,p=2"), "password hash of format $argon2id$: cost m is 8 KiB, less than 8 for each of 2 lanes"},
		{"$argon2id$v=19$m=8,t=1,p=1$" + salt + "$AAAA", "password hash of format $argon2id$: hash has 3 bytes, not 16 to 64"},
		{"$argon2id$v=19", "password hash of format $argon2id$: has 1 fields, not 4: version, costs, salt and hash"},
	} {
		ok, err := password.Verify(r.encoded, []byte("x"))
		if ok || err == nil || err.Error() != r.want {
			t.Errorf("Verify(%q) = %v, %v\nwant %s", r.encoded, ok, err, r.want)
		}
		if again := password.Check(r.encoded); again == nil || again.Error() != r.want {
			t.Errorf("Check(%q) = %v", r.encoded, again)
		}
	}
}

func argon(version, costs string) string {
	return fmt.Sprintf("$argon2id$%s$%s$%s$%s", version, costs, strings.Repeat("A", 16), strings.Repeat("A", 86))
}

func FuzzCheck(f *testing.F) {
	f.Add("$7$101$MDEyMzQ1Njc4OWFi$AAAA")
	f.Add(argon("v=19", "m=8,t=1,p=1"))
	f.Fuzz(func(t *testing.T, encoded string) {
		if password.Check(encoded) != nil {
			return
		}
		// What is accepted is bounded, so it goes into a file, and into an error without being quoted.
		if len(encoded) > 512 {
			t.Errorf("accepted %d bytes", len(encoded))
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	salt := []byte("0123456789ab")
	for _, iterations := range []int{password.GeneratedIterations, password.DefaultIterations, password.MaxIterations} {
		encoded, err := password.HashWith([]byte("secret"), salt, iterations)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("PBKDF2/%d", iterations), func(b *testing.B) { benchmarkVerify(b, encoded) })
	}
	b.Run("Argon2id/46MiB", func(b *testing.B) { benchmarkVerify(b, argon("v=19", "m=47104,t=1,p=1")) })
	b.Run("Argon2id/most", func(b *testing.B) { benchmarkVerify(b, argon("v=19", "m=65536,t=8,p=1")) })
}

func benchmarkVerify(b *testing.B, encoded string) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := password.Verify(encoded, []byte("secret")); err != nil {
			b.Fatal(err)
		}
	}
}
