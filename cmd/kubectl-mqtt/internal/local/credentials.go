package local

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
)

// usernameFile has what a user calls itself to the broker.
const usernameFile = "username"

// Credentials are those of a User, which is called name@namespace as its folder is, namespace/name, or name where that is enough. Where the folder
// has neither a password nor a certificate of it the error says so.
func (s *State) Credentials(user string) (c mqtt.Credentials, err error) {
	folder := user
	if namespace, name, ok := strings.Cut(user, "/"); ok {
		folder = name + "@" + namespace
		if namespace == "default" {
			folder = name
		}
	}
	if folder == "" || strings.ContainsAny(folder, `/\`) || strings.HasPrefix(folder, ".") {
		return c, fmt.Errorf("%q is no name of a User", user)
	}
	names, err := s.Users()
	if err != nil {
		return c, err
	}
	if folder = folderOf(names, folder); folder == "" {
		return c, fmt.Errorf("there is no one User %s in %s, but there are: %s", user, s.dir, list(names))
	}
	called, err := readOptional(s.path("users", folder, usernameFile))
	if err != nil {
		return c, err
	}
	if c.Username = strings.TrimSuffix(string(called), "\n"); c.Username == "" {
		c.Username = folder // of a run of an earlier version
	}
	password, err := readOptional(s.path("users", folder, "password"))
	if err != nil {
		return c, err
	}
	if password = bytes.TrimRight(password, "\r\n"); len(password) > 0 {
		c.Password = password
	}
	pair, err := readPair(s.path("users", folder, "tls.crt"), s.path("users", folder, "tls.key"))
	if err != nil {
		return c, err
	}
	if len(pair.CertPEM) > 0 {
		certificate, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
		if err != nil {
			return c, fmt.Errorf("use the certificate of User %s: %w", user, err)
		}
		c.Certificate = &certificate
	}
	if c.Password == nil && c.Certificate == nil {
		return c, fmt.Errorf("the password of User %s is its own and not in %s: give it with --username %s --password-file FILE", user, s.dir, c.Username)
	}
	return c, nil
}

// folderOf is which of the folders of Users is meant: that of this name, or the only one of a User of this name in whichever
// namespace. "": there is none, or there are several.
func folderOf(folders []string, called string) string {
	if slices.Contains(folders, called) {
		return called
	}
	found := ""
	for _, folder := range folders {
		if name, _, elsewhere := strings.Cut(folder, "@"); elsewhere && name == called {
			if found != "" {
				return ""
			}
			found = folder
		}
	}
	return found
}

// Users are the names of the Users that have run here, as their folders are called.
func (s *State) Users() ([]string, error) {
	entries, err := os.ReadDir(s.path("users"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// Roots are the CAs by which the listeners' certificate is verified: the folder's, or the user's own, or the system's.
func (s *State) Roots() (*x509.CertPool, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // there are systems without any
	}
	for _, file := range []string{"ca.crt", "tls-ca.crt"} {
		pem, err := readOptional(s.path(file))
		if err != nil {
			return nil, err
		}
		roots.AppendCertsFromPEM(pem)
	}
	return roots, nil
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Secrets are the values in the state folder that nobody else is to see: passwords, their hashes, and tokens.
func (s *State) Secrets() ([]string, error) {
	var secrets []string
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir():
			if path == s.path("data") || path == s.path("auth") {
				return fs.SkipDir // hashes are beside the passwords, and messages are in no report
			}
			return nil
		}
		switch entry.Name() {
		case "password", "hash", "scram", "token", "read-token":
		default:
			return nil
		}
		content, err := readOptional(path)
		secrets = append(secrets, strings.Fields(string(content))...)
		return err
	})
	return secrets, err
}
