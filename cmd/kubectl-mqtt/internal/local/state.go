package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	privateFile = 0o600
	privateDir  = 0o700
)

// State is a state folder.
type State struct {
	dir   string
	lock  *os.File // nil: only read
	admin adminAPI
}

// ReadState looks at a state folder, which need not exist, without locking it.
func ReadState(dir string) *State { return &State{dir: filepath.Clean(dir)} }

// OpenState makes the folder if it is not there, and keeps others from using it until Close.
func OpenState(dir string) (*State, error) {
	s := ReadState(dir)
	if err := os.MkdirAll(s.dir, privateDir); err != nil {
		return nil, fmt.Errorf("make state folder: %w", err)
	}
	var err error
	if s.lock, err = os.OpenFile(s.path("lock"), os.O_CREATE|os.O_RDWR, privateFile); err != nil {
		return nil, fmt.Errorf("lock state folder: %w", err)
	}
	if err := lock(s.lock); err != nil {
		return nil, errors.Join(fmt.Errorf("state folder %s is in use by another kubectl-mqtt run: stop that one, or choose another folder with --state-dir", s.dir), s.lock.Close())
	}
	return s, nil
}

// Close lets others use the folder.
func (s *State) Close() error { return errors.Join(s.closeAdmin(), s.lock.Close()) }

// path is that of a file in the folder.
func (s *State) path(elements ...string) string {
	return filepath.Join(append([]string{s.dir}, elements...)...)
}

// userPath is that of a file of a User.
func (s *State) userPath(o metav1.Object, file string) string {
	return s.path("users", folderName(o), file)
}

// folderName is how an object's folder is called: its name, and the namespace if it is not default.
// Neither can have an '@'.
func folderName(o metav1.Object) string {
	if o.GetNamespace() == metav1.NamespaceDefault {
		return o.GetName()
	}
	return o.GetName() + "@" + o.GetNamespace()
}

// readOptional reads a file; nil if it is not there.
func readOptional(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// writeFile puts data in place of a file, so that nobody ever sees a part of it, not even after a
// power cut: what is in it is on the disk before the file has its name, and the name when it returns.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, privateDir); err != nil {
		return err
	}
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, privateFile)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir puts the names in a folder on the disk.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
