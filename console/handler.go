package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Served is console.json: what only the server of the page knows.
type Served struct {
	// Name is what the broker is called. "": the page says where it is from.
	Name string `json:"name"`
	// WebSocket is where a WebSocket leads to the broker's MQTT, relative to the page. "": only to its own listeners.
	WebSocket string `json:"webSocket"`
}

// dist is what `make console` builds, each file compressed.
//
//go:embed dist/*.gz
var dist embed.FS

// policy lets the page load what this package serves and nothing else, and connect to where it is from and, for its MQTT
// client, by WebSocket to anywhere: a broker's listeners have other ports and names.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ws: wss:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".json": "application/json",
}

// file is one that the page is made of.
type file struct {
	compressed  []byte
	contentType string
	etag        string
}

// Handler serves the page at /, and all that it loads beside it. Who asks does not matter: there is nothing of a broker in it.
func Handler() http.Handler {
	files := map[string]file{"/console.json": named("console.json", pack([]byte(`{"name":"","webSocket":""}`)))}
	entries, err := dist.ReadDir("dist")
	if err != nil {
		panic(err) // it is in the program
	}
	for _, e := range entries {
		compressed, err := dist.ReadFile("dist/" + e.Name())
		if err != nil {
			panic(err) // as above
		}
		name := strings.TrimSuffix(e.Name(), ".gz")
		files["/"+name] = named(name, compressed)
	}
	files["/"] = files["/index.html"]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := files[r.URL.Path]
		switch {
		case !ok:
			http.NotFound(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the console is only read", http.StatusMethodNotAllowed)
		default:
			f.serve(w, r)
		}
	})
}

func named(name string, compressed []byte) file {
	sum := sha256.Sum256(compressed)
	return file{compressed: compressed, contentType: types[path.Ext(name)], etag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}

func pack(content []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(content) // a buffer takes everything
	_ = w.Close()           // as above
	return out.Bytes()
}

// serve answers with the file, compressed unless the caller cannot take that. The names of files do not change with
// their content, so a browser asks each time whether it has the present one.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", f.etag)
	if r.Header.Get("If-None-Match") == f.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", f.contentType)
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", strconv.Itoa(len(f.compressed)))
		if r.Method != http.MethodHead {
			_, _ = w.Write(f.compressed) // the caller is gone if it fails
		}
		return
	}
	if err := f.unpack(w, r.Method != http.MethodHead); err != nil {
		panic(http.ErrAbortHandler) // the caller is gone
	}
}

func (f file) unpack(w io.Writer, body bool) error {
	if !body {
		return nil
	}
	in, err := gzip.NewReader(bytes.NewReader(f.compressed))
	if err != nil {
		return fmt.Errorf("unpack a file of the console: %w", err)
	}
	_, err = io.Copy(w, in)
	return err
}

// takesGzip reads an Accept-Encoding header as far as gzip is concerned.
func takesGzip(accepted string) bool {
	for part := range strings.SplitSeq(accepted, ",") {
		coding, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(coding) == "gzip" {
			return strings.TrimRight(strings.TrimSpace(quality), "0.") != "q="
		}
	}
	return false
}
