package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// TestPasswd: what is printed is a password file that lets the user in, and no two are the same.
func TestPasswd(t *testing.T) {
	for _, stdin := range []string{"s3cret", "s3cret\n", "s3cret\r\nand more"} {
		code, out, err := cli(t, stdin, "passwd", "--format", "$7$,SCRAM-SHA-256", "--format", "SCRAM-SHA-512", "zoë")
		if code != 0 || err != "" {
			t.Fatalf("exit code %d: %s", code, err)
		}
		file, bad := password.Parse(strings.NewReader(out), "out")
		if bad != nil || strings.Count(out, "zoë:") != 3 {
			t.Fatalf("%v in %q", bad, out)
		}
		if ok, _ := file.Verify("zoë", []byte("s3cret")); !ok {
			t.Errorf("stdin %q: the password is not s3cret", stdin)
		}
		for _, mechanism := range []string{password.ScramSHA256, password.ScramSHA512} {
			k, entry := file.Scram(nil, false).Lookup(mechanism, "zoë")
			if entry == "" || k.Iterations != password.DefaultIterations {
				t.Errorf("%s: %q", mechanism, entry)
			}
		}
		if _, again, _ := cli(t, stdin, "passwd", "zoë"); strings.Contains(out, strings.TrimSpace(again)) {
			t.Error("the salt is used twice")
		}
	}
	if code, out, _ := cli(t, "s3cret", "passwd"); code != 0 || password.Check(strings.TrimSpace(out)) != nil {
		t.Errorf("exit code %d, %q", code, out)
	}
}

func TestPasswdRefuses(t *testing.T) {
	for _, r := range []struct {
		args  []string
		stdin string
		code  int
		want  string
	}{
		{[]string{"a:b"}, "x", 2, `user "a:b" has a ':'`},
		{[]string{"#ann"}, "x", 2, `user "#ann" begins with '#'`},
		{[]string{""}, "x", 2, "user is empty"},
		{[]string{"a", "b"}, "x", 2, "accepts at most 1 arg"},
		{[]string{"--format", "md5"}, "x", 2, "--format md5 is none of $7$, SCRAM-SHA-256 and SCRAM-SHA-512"},
		{nil, "\n", 1, "the password is empty"},
		{nil, strings.Repeat("x", 65536), 1, "the password has more than 65535 bytes"},
		{[]string{"--format", "SCRAM-SHA-256"}, "a\x07b", 1, "prohibited character"},
	} {
		code, out, err := cli(t, r.stdin, append([]string{"passwd"}, r.args...)...)
		if code != r.code || out != "" || !strings.Contains(err, r.want) {
			t.Errorf("%q: exit code %d, %q, %q", r.args, code, out, err)
		}
	}
}

func TestAskPassword(t *testing.T) {
	ask := func(typed ...string) ([]byte, error) {
		var to bytes.Buffer
		return askPassword(&to, func() ([]byte, error) {
			if len(typed) == 0 {
				return nil, errors.New("gone")
			}
			next := typed[0]
			typed = typed[1:]
			return []byte(next), nil
		})
	}
	if got, err := ask("x", "x"); string(got) != "x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, typed := range [][]string{{"x", "y"}, {"", ""}, {"x"}} {
		if got, err := ask(typed...); err == nil {
			t.Errorf("%q is taken as %q", typed, got)
		}
	}
}
