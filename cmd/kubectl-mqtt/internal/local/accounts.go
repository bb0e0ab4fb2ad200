package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manifests"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// member is a User that may connect.
type member struct {
	render.Account
	// passwordFile has the password; empty: it is in a Secret of the user's own, or not known.
	passwordFile string
	user         *v1alpha1.User
	rotation     render.Rotation
	certFile     string // of the client certificate; empty: none
	keyFile      string
}

// keeper finds the passwords and hashes of Users.
type keeper struct {
	state  *State
	set    *manifests.Set
	random io.Reader // for passwords and salts
	// write says whether missing passwords are made and hashes kept. If not, Users without a password
	// are left out.
	write bool
	now   time.Time
}

// members are the Users of b that may connect, and the notes say why others may not.
func (k keeper) members(b *v1alpha1.Broker) (members []member, notes []string, err error) {
	winners, _ := render.ResolveUsers(k.set.UsersOf(b))
	for _, u := range winners {
		if u.Spec.Suspended {
			continue
		}
		m, note, err := k.member(u)
		if err != nil {
			return nil, nil, fmt.Errorf("password of User %s/%s: %w", u.Namespace, u.Name, err)
		}
		if note != "" {
			notes = append(notes, fmt.Sprintf("User %s/%s %s", u.Namespace, u.Name, note))
		}
		if m.PasswordHash == "" && !m.Certified {
			continue
		}
		if k.write {
			if err := writeIfNew(k.state.userPath(u, usernameFile), []byte(m.Username+"\n")); err != nil {
				return nil, nil, fmt.Errorf("name of User %s/%s: %w", u.Namespace, u.Name, err)
			}
		}
		members = append(members, m)
	}
	return members, notes, nil
}

// member is u with a hash, or with none and a note.
func (k keeper) member(u *v1alpha1.User) (m member, note string, err error) {
	m.Account = render.Account{
		Username: render.Username(u), Groups: u.Spec.Groups, Labels: u.Labels, Limits: u.Spec.Limits,
		PasswordHash: u.Spec.Authentication.Password.PasswordHash,
		Certified:    u.Spec.Authentication.Password.Disabled,
	}
	m.user = u
	if m.PasswordHash != "" || m.Certified {
		return m, "", nil
	}
	kept, err := readOptional(k.state.userPath(u, "hash"))
	if err != nil {
		return m, "", err
	}
	kept = bytes.TrimSpace(kept)
	rotation, err := k.rotation(u)
	if err != nil {
		return m, "", err
	}
	length, generated := render.Generated(u)
	var plain []byte
	if generated {
		m.passwordFile = k.state.userPath(u, "password")
		if plain, err = k.generated(m.passwordFile, length, rotation.Due(u, k.now)); err != nil {
			return m, "", err
		}
		if plain == nil {
			return m, "is left out: its password is made by kubectl-mqtt run, and " + k.state.dir + " has none yet", nil
		}
	} else if plain, err = k.set.Password(u); err != nil {
		if m.PasswordHash = string(kept); len(kept) > 0 {
			note := "keeps the password that it has: " + err.Error()
			if len(u.Spec.Authentication.Password.Scram) > 0 {
				m.ScramKeys, err = k.keptKeys(u)
			} else {
				err = k.forgetKeys(u)
			}
			return m, note, err
		}
		return m, "is left out: " + err.Error(), nil
	}
	err = k.change(&m, string(kept), rotation, plain, generated)
	return m, "", err
}

// change has plain be m's password, where kept is the hash of the one of before; "": there was none.
func (k keeper) change(m *member, kept string, rotation render.Rotation, plain []byte, generated bool) (err error) {
	u := m.user
	if m.PasswordHash, err = render.PasswordHash(kept, plain, generated, k.random); err != nil {
		return err
	}
	keptKeys, err := k.keptKeys(u)
	if err != nil {
		return err
	}
	before := render.Account{PasswordHash: kept, ScramKeys: keptKeys}
	m.rotation = rotation.After(u, before.Lines(), m.Lines(), k.now)
	m.Previous = m.rotation.Previous
	if err := k.writeRotation(u, m.rotation); err != nil {
		return err
	}
	// The keys are written first: a hash that is kept says that they are of its password.
	if m.ScramKeys, err = k.scramKeys(u, m.PasswordHash == kept, m.Previous, plain, generated); err == nil && k.write {
		err = writeIfNew(k.state.userPath(u, "hash"), []byte(m.PasswordHash+"\n"))
	}
	return err
}

// scramKeys are the keys of u's password; same says that it is the one of before.
func (k keeper) scramKeys(u *v1alpha1.User, same bool, previous []string, plain []byte, generated bool) ([]string, error) {
	mechanisms := u.Spec.Authentication.Password.Scram
	if len(mechanisms) == 0 {
		return nil, k.forgetKeys(u)
	}
	kept, err := k.keptKeys(u)
	if err != nil {
		return nil, err
	}
	lines, err := render.ScramKeys(kept, same, render.ScramOf(previous), mechanisms, plain, generated, k.random)
	if err != nil || !k.write {
		return lines, err
	}
	return lines, writeIfNew(k.state.userPath(u, "scram"), []byte(strings.Join(lines, "\n")+"\n"))
}

// forgetKeys removes the keys of an earlier run, which the password may outgrow before keys are asked for again.
func (k keeper) forgetKeys(u *v1alpha1.User) error {
	if !k.write {
		return nil
	}
	if err := os.Remove(k.state.userPath(u, "scram")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove SCRAM keys: %w", err)
	}
	return nil
}

// keptKeys are the SCRAM keys of an earlier run.
func (k keeper) keptKeys(u *v1alpha1.User) ([]string, error) {
	kept, err := readOptional(k.state.userPath(u, "scram"))
	return strings.Fields(string(kept)), err
}

// generated is the password in a file, made if it is not there, or due; nil if it may not be made.
func (k keeper) generated(file string, length int, due bool) ([]byte, error) {
	data, err := readOptional(file)
	if err != nil {
		return nil, err
	}
	if data = bytes.TrimRight(data, "\r\n"); len(data) > 0 && !(due && k.write) {
		return data, nil
	}
	if !k.write {
		return nil, nil
	}
	password, err := render.GeneratePassword(length, k.random)
	if err != nil {
		return nil, err
	}
	return []byte(password), writeFile(file, []byte(password+"\n"))
}
