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
	limits    map[string]config.UserLimits
	acls      []config.ACL
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
		m.acls = set.ACLs
		fmt.Fprintf(sum, "acls %d\n%s", len(data), data)
	}
	m.sum = [sha256.Size]byte(sum.Sum(nil))
	return m, nil
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
