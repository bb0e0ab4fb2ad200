package topic

import (
	"errors"
	"fmt"
	"strings"
)

// MaxBytes is the longest name or filter there can be, in bytes [MQTT-4.7.3-3].
const MaxBytes = 65535

// sharePrefix begins the filter of a shared subscription. MQTT 5 §4.8.2.
const sharePrefix = "$share/"

// ValidName says what is wrong with a topic name, and at which byte and level; nil: nothing.
// maxLevels bounds its levels (0: no limit). That it is well-formed UTF-8 is checked by package packet.
func ValidName(name string, maxLevels int) error {
	if err := validText("topic name", name); err != nil {
		return err
	}
	if i := strings.IndexAny(name, "+#"); i >= 0 { // [MQTT-4.7.0-1], in 3.1.1 [MQTT-4.7.1-1]
		return fmt.Errorf("topic name has the wildcard %q at byte %d (level %d)", name[i], i, levelAt(name, i))
	}
	return validLevels("topic name", name, maxLevels)
}

// ValidFilter says what is wrong with a topic filter, and at which byte and level; nil: nothing.
// maxLevels bounds its levels (0: no limit). A filter that begins with $share/ has to be a well-formed
// shared subscription; its levels are counted, and in an error numbered, after the share name.
func ValidFilter(filter string, maxLevels int) error {
	if err := validText("topic filter", filter); err != nil {
		return err
	}
	_, rest, _, err := ParseShare(filter)
	if err != nil {
		return err
	}
	if err := validWildcards(rest, len(filter)-len(rest)); err != nil {
		return err
	}
	return validLevels("topic filter", rest, maxLevels)
}

// ParseShare splits the filter of a shared subscription, $share/{group}/{rest}. Any other filter comes back as
// rest, with shared false. That rest is a valid filter is for ValidFilter to say. MQTT 5 §4.8.2.
func ParseShare(filter string) (group, rest string, shared bool, err error) {
	tail, ok := strings.CutPrefix(filter, sharePrefix)
	if !ok {
		return "", filter, false, nil
	}
	group, rest, ok = strings.Cut(tail, "/")
	if group == "" { // [MQTT-4.8.2-1]
		return "", "", true, fmt.Errorf("shared subscription has an empty share name at byte %d", len(sharePrefix))
	}
	if i := strings.IndexAny(group, "+#"); i >= 0 { // [MQTT-4.8.2-2]
		return "", "", true, fmt.Errorf("share name has the wildcard %q at byte %d", group[i], len(sharePrefix)+i)
	}
	if !ok || rest == "" { // [MQTT-4.8.2-2]
		return "", "", true, fmt.Errorf("shared subscription has no topic filter after its share name, at byte %d", len(filter))
	}
	return group, rest, true, nil
}

func validText(what, s string) error {
	if s == "" { // [MQTT-4.7.3-1]
		return errors.New(what + " is empty")
	}
	if len(s) > MaxBytes { // [MQTT-4.7.3-3]
		return fmt.Errorf("%s has %d bytes, at most %d are allowed", what, len(s), MaxBytes)
	}
	if i := strings.IndexByte(s, 0); i >= 0 { // [MQTT-4.7.3-2]
		return fmt.Errorf("%s has the character U+0000 at byte %d (level %d)", what, i, levelAt(s, i))
	}
	return nil
}

func validLevels(what, s string, maxLevels int) error {
	if n := levelAt(s, len(s)); maxLevels > 0 && n > maxLevels {
		return fmt.Errorf("%s has %d levels, at most %d are allowed", what, n, maxLevels)
	}
	return nil
}

// validWildcards checks where '#' and '+' stand. offset is what precedes filter in the text the user wrote, in bytes.
func validWildcards(filter string, offset int) error {
	for at := 0; ; {
		i := strings.IndexAny(filter[at:], "+#")
		if i < 0 {
			return nil
		}
		at += i
		first := at == 0 || filter[at-1] == '/'
		last := at+1 == len(filter)
		switch c := filter[at]; {
		case !first || !last && filter[at+1] != '/': // [MQTT-4.7.1-1], [MQTT-4.7.1-2]
			return fmt.Errorf("topic filter has the wildcard %q at byte %d (level %d), which does not stand alone in its level",
				c, offset+at, levelAt(filter, at))
		case c == '#' && !last: // [MQTT-4.7.1-1], in 3.1.1 [MQTT-4.7.1-2]
			return fmt.Errorf("topic filter has the wildcard '#' at byte %d (level %d), which is not the last level",
				offset+at, levelAt(filter, at))
		}
		at++
	}
}

// levelAt numbers, from 1, the level that byte i of s is in.
func levelAt(s string, i int) int {
	return 1 + strings.Count(s[:i], "/")
}

// sysRoot is the first level of the topics that are the broker's alone. MQTT 5 §4.7.2.
const sysRoot = "$SYS"

// IsSys says whether a topic name is the broker's: no client may publish there, whatever the rules say.
func IsSys(name string) bool {
	return strings.HasPrefix(name, sysRoot) && (len(name) == len(sysRoot) || name[len(sysRoot)] == '/')
}
