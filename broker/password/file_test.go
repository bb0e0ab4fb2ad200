package password_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// quick is a hash of secret that costs little. Its salt depends on secret and n.
func quick(t testing.TB, secret string, n int) string {
	t.Helper()
	encoded, err := password.HashWith([]byte(secret), fmt.Appendf(nil, "%12.12s", fmt.Sprint(n, secret)), 1)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

func TestParse(t *testing.T) {
	a, b := quick(t, "old", 1), quick(t, "new", 1)
	text := "# users\n\n  \r\nada:" + a + "\r\nada:" + b + " \nada:" + a + "\nbob smith:" + b + "\n#eve:" + b + "\nlast:" + a
	file, err := password.Parse(strings.NewReader(text), "users")
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string][]string{"ada": {a, b}, "bob smith": {b}, "last": {a}, "eve": nil, "#eve": nil, "": nil} {
		if diff := cmp.Diff(want, file.Lookup(user)); diff != "" {
			t.Errorf("Lookup(%q) (-want +got):\n%s", user, diff)
		}
	}
	if file.Len() != 3 {
		t.Errorf("Len() = %d", file.Len())
	}
	for _, r := range []struct {
		user, secret string
		want         bool
	}{{"ada", "old", true}, {"ada", "new", true}, {"ada", "x", false}, {"bob smith", "old", false}, {"bob smith", "new", true}, {"eve", "new", false}} {
		if ok, err := file.Verify(r.user, []byte(r.secret)); ok != r.want || err != nil {
			t.Errorf("Verify(%q, %q) = %v, %v", r.user, r.secret, ok, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := quick(t, "x", 1)
	var crowd strings.Builder
	for i := range password.MaxHashesPerUser + 1 {
		fmt.Fprintf(&crowd, "ada:%s\n", quick(t, "x", i))
	}
	long := func(n int) string { return "a:" + good + strings.Repeat(" ", n-2-len(good)) }
	for _, r := range []struct{ text, want string }{
		{"\nada", "users:2: line has no ':' between user and hash"},
		{":" + good, "users:1: user is empty"},
		{"a\xff:" + good, "users:1: user is not well-formed UTF-8 without U+0000"},
		{"a\x00:" + good, "users:1: user is not well-formed UTF-8 without U+0000"},
		{"a:" + good + "\nada:", `users:2: user "ada": password hash is empty`},
		{"ada:hunter2", `users:1: user "ada": password hash does not begin with '$': is it a password that was not hashed?`},
		{"#\nada:$7$0$a$b", `users:2: user "ada": password hash of format $7$: iterations is not a number from 1 to 1000000`},
		{crowd.String(), `users:9: user "ada": there are more than 8 different hashes`},
		{"#\n" + long(password.MaxLineBytes+1), "users:2: line is longer than 4096 bytes"},
		{"#\n" + long(password.MaxLineBytes+1) + "\n", "users:2: line is longer than 4096 bytes"},
		{"#\n" + long(100_000), "users:2: line is longer than 4096 bytes"},
		{long(password.MaxLineBytes), ""},
		{long(password.MaxLineBytes) + "\n", ""},
		{long(password.MaxLineBytes) + "\r\n", ""},
	} {
		_, err := password.Parse(strings.NewReader(r.text), "users")
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != r.want {
			t.Errorf("%.60q:\n got %s\nwant %s", r.text, got, r.want)
		}
	}
}

func TestParseReportsReadErrors(t *testing.T) {
	broken := errors.New("broken disk")
	r := io.MultiReader(strings.NewReader("#\n#\n"), iotest.ErrReader(broken))
	if _, err := password.Parse(r, "users"); !errors.Is(err, broken) || err.Error() != "read users:3: broken disk" {
		t.Errorf("Parse: %v", err)
	}
}

// The limit counts lines, so that a file of duplicates is bounded too.
func TestParseLimitsEntries(t *testing.T) {
	line := []byte("a:" + quick(t, "x", 1) + "\n")
	file, err := password.Parse(bytes.NewReader(bytes.Repeat(line, password.MaxEntries)), "users")
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Add(bytes.NewReader(line), "more"); err == nil || err.Error() != "more:1: there are more than 1000000 entries" {
		t.Errorf("one more: %v", err)
	}
}

// A second file adds users, and hashes to users: the shards of one configuration are one File.
func TestFileAdd(t *testing.T) {
	var file password.File // the zero value is ready
	a, b := quick(t, "x", 1), quick(t, "x", 2)
	for _, text := range []string{"ada:" + a, "ada:" + b + "\nbob:" + b} {
		if err := file.Add(strings.NewReader(text), "users"); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{a, b}, file.Lookup("ada")); diff != "" || file.Len() != 2 {
		t.Errorf("%d users, ada (-want +got):\n%s", file.Len(), diff)
	}
}

// The decoy has the cost that most hashes have, in each format, and no password.
func TestDecoy(t *testing.T) {
	seven, six := quick(t, "x", 1), "$6$"+strings.Repeat("B", 16)+"$"+strings.Repeat("B", 86)+"=="
	argon2id := argon("v=19", "m=8,t=2,p=1")
	for _, r := range []struct {
		lines []string
		want  string // the begin
	}{
		{nil, "$7$10000$"},
		{[]string{"a:" + seven, "b:" + six, "c:" + seven}, "$7$1$"},
		{[]string{"a:" + seven, "b:" + six, "c:" + six}, "$6$"},
		{[]string{"a:" + seven, "b:" + argon2id, "c:" + argon2id}, "$argon2id$v=19$m=8,t=2,p=1$"},
		{[]string{"a:" + seven, "b:" + argon2id}, "$argon2id$v=19$m=8,t=2,p=1$"},
	} {
		file, err := password.Parse(strings.NewReader(strings.Join(r.lines, "\n")), "users")
		if err != nil {
			t.Fatal(err)
		}
		decoy := file.Decoy()
		if !strings.HasPrefix(decoy, r.want) || password.Check(decoy) != nil {
			t.Errorf("decoy of %q is %q (%v)", r.lines, decoy, password.Check(decoy))
		}
		if ok, err := file.Verify("nobody", nil); ok || err != nil {
			t.Errorf("nobody: %v, %v", ok, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("a:$7$1$MDEyMzQ1Njc4OWFi$AAAA\n#\n\r\n:")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := password.Parse(strings.NewReader(text), "users")
		if err == nil && file.Len() > strings.Count(text, ":") {
			t.Errorf("%d users", file.Len())
		}
		if err != nil && !strings.HasPrefix(err.Error(), "users:") {
			t.Errorf("error without its place: %v", err)
		}
	})
}
