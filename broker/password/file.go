package password

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a password file.
const (
	MaxLineBytes     = 4096      // of a line, without its end
	MaxEntries       = 1_000_000 // of a File, duplicates included
	MaxHashesPerUser = 8         // different ones: what one login can make us verify
)

// File is the users of one or more password files, and their hashes. The zero value has none. Once it
// is filled, any number of goroutines may read it.
type File struct {
	hashes     map[string][]string
	scram      map[string][]string // SCRAM keys; a user may have them beside hashes, or alone
	users      int
	entries    int
	changing   bool              // some user has a password of before, too
	costs      map[cost]int      // how many hashes have it
	scramCosts map[scramKind]int // how many entries have it
}

// Parse reads a password file: lines of 'user:hash', blank lines, and comments that begin with '#'. A user may
// have several lines, as while a password is being changed: each of the passwords is good. Every hash is checked, so
// that a broken one shows here and not when its user comes. name stands for the file in errors, which
// name the line, and never quote it.
func Parse(r io.Reader, name string) (*File, error) {
	f := &File{}
	if err := f.Add(r, name); err != nil {
		return nil, err
	}
	return f, nil
}

// Add reads one more password file into f, as Parse does. After an error f has the lines before it.
func (f *File) Add(r io.Reader, name string) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, MaxLineBytes+2) // and its end, of one or two bytes
	number := 1
	for ; lines.Scan(); number++ {
		if err := f.addLine(lines.Text()); err != nil {
			return fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("%s:%d: line is longer than %d bytes", name, number, MaxLineBytes)
	case err != nil:
		return fmt.Errorf("read %s:%d: %w", name, number, err)
	}
	return nil
}

func (f *File) addLine(line string) error {
	if len(line) > MaxLineBytes {
		return fmt.Errorf("line is longer than %d bytes", MaxLineBytes)
	}
	if strings.TrimSpace(line) == "" || line[0] == '#' {
		return nil
	}
	user, encoded, ok := strings.Cut(line, ":")
	switch {
	case !ok:
		return errors.New("line has no ':' between user and hash")
	case user == "":
		return errors.New("user is empty")
	case !utf8.ValidString(user) || strings.ContainsRune(user, 0):
		return errors.New("user is not well-formed UTF-8 without U+0000")
	}
	if f.entries == MaxEntries {
		return fmt.Errorf("there are more than %d entries", MaxEntries)
	}
	f.entries++
	if err := f.addHash(user, strings.TrimSpace(encoded)); err != nil {
		return fmt.Errorf("user %q: %w", user, err)
	}
	return nil
}

func (f *File) addHash(user, encoded string) error {
	if f.Holds(user, encoded) {
		return nil
	}
	if len(f.hashes[user])+len(f.scram[user]) == MaxHashesPerUser {
		return fmt.Errorf("there are more than %d different hashes", MaxHashesPerUser)
	}
	if f.hashes == nil {
		f.hashes, f.costs = make(map[string][]string), make(map[cost]int)
		f.scram, f.scramCosts = make(map[string][]string), make(map[scramKind]int)
	}
	known := f.Has(user)
	mechanism := mechanismOf(encoded)
	f.noteChanging(user, mechanism)
	if mechanism != "" {
		k, err := decodeScram(mechanism, encoded)
		if err != nil {
			return err
		}
		f.scram[user] = append(f.scram[user], encoded)
		f.scramCosts[scramKind{mechanism, false, scramCost{k.Iterations, len(k.Salt)}}]++
	} else {
		h, err := decode(encoded)
		if err != nil {
			return err
		}
		f.hashes[user] = append(f.hashes[user], encoded)
		f.costs[h.cost]++
		if h.format == formatPBKDF2 {
			f.scramCosts[scramKind{ScramSHA512, true, scramCost{int(h.passes), len(h.salt)}}]++
		}
	}
	if !known {
		f.users++
	}
	return nil
}

// Len is the number of users.
func (f *File) Len() int {
	return f.users
}

// Lookup returns the hashes of user, none if it is unknown or has SCRAM keys only. The caller must not change them.
func (f *File) Lookup(user string) []string {
	return f.hashes[user]
}

// Has reports whether there is a user of that name.
func (f *File) Has(user string) bool {
	return len(f.hashes[user])+len(f.scram[user]) > 0
}

// Holds reports whether user has that entry, a hash or SCRAM keys.
func (f *File) Holds(user, encoded string) bool {
	return slices.Contains(f.hashes[user], encoded) || slices.Contains(f.scram[user], encoded)
}

// Verify reports whether password is one of user's. A refusal takes an unknown user as long as most known ones: they
// differ only from users whose hash is of another cost than the file's commonest, or who have several hashes.
func (f *File) Verify(user string, password []byte) (bool, error) {
	hashes := f.Lookup(user)
	if len(hashes) == 0 {
		Dummy(f.Decoy(), password)
		return false, nil
	}
	for _, encoded := range hashes {
		if ok, err := Verify(encoded, password); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// Decoy returns a hash of no password, for Dummy, that costs what most hashes of f do; as much as one of Hash
// if f has none.
func (f *File) Decoy() string {
	best, count := cost{format: formatPBKDF2, passes: DefaultIterations}, 0
	for c, n := range f.costs {
		if n > count || n == count && c.work() > best.work() {
			best, count = c, n
		}
	}
	return best.decoy()
}

// Users are all of them, in no order.
func (f *File) Users() iter.Seq[string] {
	return func(yield func(string) bool) {
		for user := range f.hashes {
			if !yield(user) {
				return
			}
		}
		for user := range f.scram {
			if _, both := f.hashes[user]; !both && !yield(user) {
				return
			}
		}
	}
}
