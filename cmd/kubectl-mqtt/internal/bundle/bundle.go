package bundle

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// maxFile bounds a file of the bundle, in bytes; what is beyond is cut off.
const maxFile = 16 << 20

// Bundle is one that is being written. It belongs to one goroutine.
type Bundle struct {
	gz      *gzip.Writer
	tar     *tar.Writer
	folder  string
	now     time.Time
	hidden  []string
	missing []string
	most    int   // bytes of a file
	err     error // of writing; nothing is written after it
}

// New begins a bundle whose files are in folder. hidden are the secrets that are known.
func New(w io.Writer, folder string, hidden []string, now time.Time) *Bundle {
	gz := gzip.NewWriter(w)
	b := &Bundle{gz: gz, tar: tar.NewWriter(gz), folder: folder, now: now, most: maxFile}
	for _, secret := range hidden {
		if len(secret) >= shortest {
			b.hidden = append(b.hidden, secret)
		}
	}
	return b
}

// Text adds a file, or what err says instead.
func (b *Bundle) Text(name string, content []byte, err error) {
	if err != nil {
		b.Missing(name, err)
	}
	if len(content) == 0 && err != nil {
		return
	}
	if len(content) > b.most {
		content = content[:b.most]
		b.Missing(name, fmt.Errorf("only its first %d bytes are here", b.most))
	}
	b.write(name, b.clean(string(content)))
}

// JSON adds value as it is given to programs, or what err says instead.
func (b *Bundle) JSON(name string, value any, err error) {
	var text []byte
	if err == nil {
		text, err = json.MarshalIndent(value, "", "  ")
	}
	b.Text(name, text, err)
}

// Object adds an object of Kubernetes, or a list of them, as YAML without what is secret or noise; or what err says instead.
func (b *Bundle) Object(name string, object any, err error) {
	var text []byte
	if err == nil {
		text, err = objectYAML(object)
	}
	b.Text(name, text, err)
}

// Missing notes that something is not in the bundle.
func (b *Bundle) Missing(name string, err error) {
	b.missing = append(b.missing, name+": "+strings.ReplaceAll(err.Error(), "\n", " "))
}

// Close adds the list of what is missing, and ends the bundle. The error is of all that was written.
func (b *Bundle) Close() (missing []string, err error) {
	if len(b.missing) > 0 {
		b.write("MISSING.txt", b.clean(strings.Join(b.missing, "\n")+"\n"))
	}
	return b.missing, errors.Join(b.err, b.tar.Close(), b.gz.Close())
}

func (b *Bundle) write(name, content string) {
	if b.err != nil {
		return
	}
	b.err = b.tar.WriteHeader(&tar.Header{Name: b.folder + "/" + name, Mode: 0o600, Size: int64(len(content)), ModTime: b.now})
	if b.err == nil {
		_, b.err = io.WriteString(b.tar, content)
	}
	if b.err != nil {
		b.err = fmt.Errorf("write bundle: %w", b.err)
	}
}

// objectYAML goes by way of JSON, so that it sees every field by its name.
func objectYAML(object any) ([]byte, error) {
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return nil, err
	}
	return yaml.Marshal(strip(value))
}
