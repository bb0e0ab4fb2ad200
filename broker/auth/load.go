package auth

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/broker/topic"
)

// maxPasswordBytes bounds a password file: room for password.MaxEntries of Mosquitto's hashes.
const maxPasswordBytes = 256 << 20

// material is what was read from the files.
type material struct {
	passwords *password.File
	groups    map[string][]string // of each user
	selected  map[string][]string // the IDs of the selectors that pick a user, of those that any does
	limits    map[string]config.UserLimits
	acls      []config.ACL
	issuer    *issuer // of tokens; nil: none is known, so none is good
	revision  string
	sum       [sha256.Size]byte // of all of the above: equal sums, equal content
}

func load(files config.AuthFiles) (material, error) {
	if files.BundleDir != "" {
		return loadBundle(files.BundleDir)
	}
	m := material{passwords: &password.File{}}
	sum := sha256.New()
	if name := files.PasswordFile; name != "" {
		data, err := filewatch.Read(name, maxPasswordBytes)
		if err != nil {
			return material{}, fmt.Errorf("password file: %w", err)
		}
		if err := m.passwords.Add(bytes.NewReader(data), name); err != nil {
			return material{}, fmt.Errorf("password file: %w", err)
		}
		fmt.Fprintf(sum, "passwords %d\n%s", len(data), data)
	}
	if name := files.ACLFile; name != "" {
		data, err := filewatch.Read(name, config.MaxFileBytes)
		if err != nil {
			return material{}, fmt.Errorf("ACL file: %w", err)
		}
		set, err := config.ParseACLSet(data, name, validTopic)
		if err != nil {
			return material{}, fmt.Errorf("ACL file: %w", err)
		}
		if err := unselected(set); err != nil {
			return material{}, fmt.Errorf("ACL file: %s: %w", name, err)
		}
		m.acls = set.ACLs
		fmt.Fprintf(sum, "acls %d\n%s", len(data), data)
	}
	if name := files.TokenIssuerFile; name != "" {
		data, err := filewatch.Read(name, maxIssuerBytes)
		if err != nil {
			return material{}, fmt.Errorf("token issuer: %w", err)
		}
		if m.issuer, err = parseIssuer(data, name); err != nil {
			return material{}, fmt.Errorf("token issuer: %w", err)
		}
		fmt.Fprintf(sum, "issuer %d\n%s", len(data), data)
	}
	m.sum = [sha256.Size]byte(sum.Sum(nil))
	return m, nil
}

// unselected says which subject of a single file picks users by labels: there are none, so its rules would never hold.
func unselected(set config.ACLSet) error {
	for i, a := range set.ACLs {
		for j, s := range a.Subjects {
			if s.Selector != nil {
				return fmt.Errorf("acls[%d].subjects[%d].selector: picks User objects by their labels, and a password file has none: use groups, or kubectl-mqtt run", i, j)
			}
		}
	}
	return nil
}

// addUsers adds what is known of users beside their passwords.
func (m *material) addUsers(users []config.UserAttributes) {
	for _, u := range users {
		m.groups[u.Name] = append(m.groups[u.Name], u.Groups...)
		if len(u.Selectors) > 0 {
			m.selected[u.Name] = append(m.selected[u.Name], u.Selectors...)
		}
		if u.Limits != nil {
			m.limits[u.Name] = *u.Limits
		}
	}
}

// variables are what a client's own value is put for, and a stand-in that is valid in a filter.
var variables = strings.NewReplacer("${username}", "x", "${clientid}", "x", "${cert.cn}", "x", "%u", "x", "%c", "x")

// validTopic says what is wrong with a topic of a rule. A rule that can never match is an error, too: what if it was
// to deny?
func validTopic(text string) error {
	plain := variables.Replace(text)
	if i := strings.Index(plain, "${"); i >= 0 {
		return fmt.Errorf("unknown variable in %q: ${username}, ${clientid} and ${cert.cn} are known", text)
	}
	if _, rest, shared, err := topic.ParseShare(plain); err == nil && shared {
		return fmt.Errorf("rules are about the topics of a shared subscription: write %s", rest)
	}
	return topic.ValidFilter(plain, 0)
}
