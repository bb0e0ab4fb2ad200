package password_test

import (
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/password"
)

func line(t *testing.T, mechanism, secret, salt string) string {
	t.Helper()
	l, err := password.ScramLine(mechanism, []byte(secret), []byte(salt), password.ScramIterations)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func hashOf(t *testing.T, secret string) string {
	t.Helper()
	h, err := password.HashWith([]byte(secret), []byte("0123456789ab"), 101)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSuperseded(t *testing.T) {
	const salt = "0123456789abcdef"
	oldHash, newHash := hashOf(t, "old"), hashOf(t, "new")
	oldKeys, newKeys := line(t, password.ScramSHA256, "old", salt), line(t, password.ScramSHA256, "new", salt)
	other := line(t, password.ScramSHA512, "new", salt)
	file := "ann:" + oldHash + "\nann:" + newHash + "\nann:" + newKeys + "\nann:" + other + "\nann:" + oldKeys + "\nbob:" + oldHash + "\n"
	f, err := password.Parse(strings.NewReader(file), "passwd")
	if err != nil {
		t.Fatal(err)
	}
	for encoded, want := range map[string]bool{oldHash: true, newHash: false, oldKeys: true, newKeys: false, other: false, "gone": false} {
		if got := f.Superseded("ann", encoded); got != want {
			t.Errorf("%.30s: superseded %v, want %v", encoded, got, want)
		}
	}
	if f.Superseded("bob", oldHash) || f.Superseded("eve", oldHash) || !f.Changing() {
		t.Error("bob's or eve's is superseded, or nobody's is")
	}
	single, err := password.Parse(strings.NewReader("bob:"+oldHash+"\nbob:"+oldKeys+"\nbob:"+other+"\nbob:"+oldHash+"\n"), "passwd")
	if err != nil || single.Changing() {
		t.Errorf("one password is changing: %v", err)
	}
	users := f.Scram([]byte("secret"), false)
	if _, entries := users.Others("ann", newKeys); len(entries) != 1 || entries[0] != oldKeys {
		t.Errorf("others %q", entries)
	}
	if _, entries := users.Others("ann", other); len(entries) != 0 {
		t.Errorf("others %q", entries)
	}
	if _, entries := users.Others("bob", oldHash); len(entries) != 0 {
		t.Errorf("others of a hash %q", entries)
	}
}
