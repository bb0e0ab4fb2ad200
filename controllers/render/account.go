package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// AccountLines are the lines of a's password file, each with its newline: a user is in a bundle if the
// file of Shard(a.Username) has them.
// A hash of the password of before comes first: Mosquitto, which knows one password a user, takes the last.
func AccountLines(a Account) []byte {
	var lines []byte
	previous := func(scram bool) {
		for _, p := range a.Previous {
			if strings.HasPrefix(p, "SCRAM-") == scram {
				lines = append(lines, a.Username+":"+p+"\n"...)
			}
		}
	}
	previous(false)
	if a.PasswordHash != "" {
		lines = append(lines, a.Username+":"+a.PasswordHash+"\n"...)
	}
	for _, keys := range a.ScramKeys {
		lines = append(lines, a.Username+":"+keys+"\n"...)
	}
	previous(true)
	return lines
}

// HasAccount says whether files, one shard of a bundle, hold a as it is: password, groups and limits, and which of the
// selectors of the same bundle pick it.
func HasAccount(files map[string][]byte, a Account, selectors *Selectors) bool {
	shard := Shard(a.Username)
	var lines []byte
	for line := range bytes.Lines(files[fmt.Sprintf(config.BundlePasswordsFmt, shard)]) {
		if bytes.HasPrefix(line, []byte(a.Username+":")) {
			lines = append(lines, line...)
		}
	}
	if !bytes.Equal(lines, AccountLines(a)) {
		return false
	}
	var set config.UserSet
	if !decode(files[fmt.Sprintf(config.BundleUsersFmt, shard)], &set) {
		return false
	}
	want, some := attributesOf(a, selectors)
	i := slices.IndexFunc(set.Users, func(u config.UserAttributes) bool { return u.Name == a.Username })
	return (i >= 0) == some && (i < 0 || reflect.DeepEqual(set.Users[i], want))
}

// HasUsername says whether files, one shard of a bundle, know anybody of that name.
func HasUsername(files map[string][]byte, username string) bool {
	shard := Shard(username)
	file := files[fmt.Sprintf(config.BundlePasswordsFmt, shard)]
	if bytes.HasPrefix(file, []byte(username+":")) || bytes.Contains(file, []byte("\n"+username+":")) {
		return true
	}
	var set config.UserSet
	return !decode(files[fmt.Sprintf(config.BundleUsersFmt, shard)], &set) ||
		slices.ContainsFunc(set.Users, func(u config.UserAttributes) bool { return u.Name == username })
}

// HasACL says whether files, one shard of a bundle, hold a as it is.
func HasACL(files map[string][]byte, a NamedACL) bool {
	var set config.ACLSet
	if !decode(files[fmt.Sprintf(config.BundleACLsFmt, Shard(a.Name))], &set) {
		return false
	}
	i := slices.IndexFunc(set.ACLs, func(x NamedACL) bool { return x.Name == a.Name })
	return i >= 0 && reflect.DeepEqual(set.ACLs[i], a)
}

// decode reads a file of a bundle into v; one that is not there is an empty set.
func decode(data []byte, v any) bool {
	return len(data) == 0 || json.Unmarshal(data, v) == nil
}

// attributesOf is what the broker is told of a beside the password; false if there is nothing.
func attributesOf(a Account, selectors *Selectors) (config.UserAttributes, bool) {
	groups := slices.Sorted(slices.Values(a.Groups))
	limits := a.Limits
	if limits != nil && *limits == (config.UserLimits{}) {
		limits = nil
	}
	selected := selectors.Of(a.Labels)
	return config.UserAttributes{Name: a.Username, Groups: slices.Compact(groups), Selectors: selected, Limits: limits},
		len(groups) > 0 || len(selected) > 0 || limits != nil || a.PasswordHash == "" // without a line in the password file, this says that the user exists
}

// checkAccount says whether a line of a password file can hold a.
func checkAccount(a Account) error {
	switch {
	case a.Username == "":
		return errors.New("a user has an empty name")
	case strings.ContainsRune(a.Username, ':') || strings.ContainsFunc(a.Username, unicode.IsControl):
		return fmt.Errorf("user %q: the name has a ':' or a control character", a.Username)
	case a.PasswordHash == "" && !a.Certified:
		return fmt.Errorf("user %q: no password hash", a.Username)
	case strings.ContainsFunc(a.PasswordHash+strings.Join(a.ScramKeys, "")+strings.Join(a.Previous, ""), unicode.IsControl):
		return fmt.Errorf("user %q: the password hash has a control character", a.Username)
	}
	return nil
}
