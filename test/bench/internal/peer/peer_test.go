package peer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindUnknown(t *testing.T) {
	if _, err := Find("dunlin,nobody", t.TempDir(), "program"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("error %v", err)
	}
}

// Ours is always there, first, and a program that is given is not built.
func TestFindOurs(t *testing.T) {
	found, err := Find("dunlin", t.TempDir(), "program")
	if err != nil || len(found) != 1 || found[0].Name != "dunlin" {
		t.Errorf("%v, %v", found, err)
	}
}

// A broker that cannot be had says why when it is started.
func TestMissing(t *testing.T) {
	missing := errors.New("no such thing")
	if _, err := (&Broker{Name: "x", Missing: missing}).Start(t.TempDir(), Setup{}); !errors.Is(err, missing) {
		t.Errorf("error %v", err)
	}
}

// The version is on the first line of a program's help.
func TestInstalled(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		"#!/bin/sh\necho broker version 1.2.3\necho more\nexit 1\n": "1.2.3",
		"#!/bin/sh\necho usage\n":                                   "unknown",
	} {
		file := filepath.Join(dir, "broker")
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		if _, version, err := installed("no-such-broker-in-path", file); err != nil || version != want {
			t.Errorf("%q: version %q, %v; want %q", text, version, err, want)
		}
	}
	if _, _, err := installed("no-such-broker-in-path", filepath.Join(dir, "nothing")); err == nil {
		t.Error("what is not there: no error")
	}
}
