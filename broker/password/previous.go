package password

import (
	"slices"
)

// While a password is being changed its user has entries of both. Of hashes the last is the current one, which is the
// one that Mosquitto takes; of the keys of a SCRAM mechanism it is the first, as for Lookup.

// Superseded reports whether encoded, an entry of user's, is of a password of before.
func (f *File) Superseded(user, encoded string) bool {
	mechanism := mechanismOf(encoded)
	if mechanism == "" {
		all := f.hashes[user]
		return len(all) > 1 && all[len(all)-1] != encoded && slices.Contains(all, encoded)
	}
	for _, e := range f.scram[user] {
		if mechanismOf(e) == mechanism {
			return e != encoded && slices.Contains(f.scram[user], encoded)
		}
	}
	return false
}

// Changing reports whether any user has an entry that is superseded.
func (f *File) Changing() bool { return f.changing }

// noteChanging is told how an entry is about to join those that there are.
func (f *File) noteChanging(user, mechanism string) {
	if mechanism == "" {
		f.changing = f.changing || len(f.hashes[user]) > 0
		return
	}
	same := func(e string) bool { return mechanismOf(e) == mechanism }
	f.changing = f.changing || slices.ContainsFunc(f.scram[user], same)
}

// Others returns user's further keys for a mechanism that have the salt and the iterations of entry, and their entries: a
// client that has been told those can prove each of the passwords. Keys with another salt cannot be asked for at the same time.
func (s *ScramUsers) Others(user, entry string) (keys []ScramKeys, entries []string) {
	mechanism := mechanismOf(entry)
	first, err := decodeScram(mechanism, entry)
	if mechanism == "" || err != nil {
		return nil, nil
	}
	for _, encoded := range s.file.scram[user] {
		if encoded == entry || mechanismOf(encoded) != mechanism {
			continue
		}
		k, err := decodeScram(mechanism, encoded)
		if err == nil && k.Iterations == first.Iterations && slices.Equal(k.Salt, first.Salt) {
			keys, entries = append(keys, k), append(entries, encoded)
		}
	}
	return keys, entries
}

// ScramSalt is the salt and the iterations of keys for a mechanism; false: line is of no such keys.
func ScramSalt(mechanism, line string) (salt []byte, iterations int, ok bool) {
	if mechanism == "" || mechanismOf(line) != mechanism {
		return nil, 0, false
	}
	k, err := decodeScram(mechanism, line)
	return k.Salt, k.Iterations, err == nil
}
