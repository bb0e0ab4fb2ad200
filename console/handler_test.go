package console

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func ask(t *testing.T, method, path string, header map[string]string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, path, nil)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func text(t *testing.T, r io.Reader) string {
	t.Helper()
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestHandler asks for the page and for all that it loads.
func TestHandler(t *testing.T) {
	resp := ask(t, "GET", "/", nil)
	page := text(t, resp.Body)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("GET /: %s, %s", resp.Status, resp.Header.Get("Content-Type"))
	}
	loads := regexp.MustCompile(`(?:src|href)="\.(/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(loads) != 3 {
		t.Errorf("the page loads %q, want a script, a style sheet and an icon", loads)
	}
	total := 0
	for _, load := range append(loads, []string{"", "/mqtt.js"}) {
		resp := ask(t, "GET", load[1], map[string]string{"Accept-Encoding": "br, gzip;q=0.5"})
		if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("GET %s: %s, encoding %q", load[1], resp.Status, resp.Header.Get("Content-Encoding"))
			continue
		}
		total += int(resp.ContentLength)
		unpacked, err := gzip.NewReader(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		plain := ask(t, "GET", load[1], map[string]string{"Accept-Encoding": "gzip;q=0"})
		if got := text(t, plain.Body); got != text(t, unpacked) || got == "" || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("GET %s is not the same without compression", load[1])
		}
	}
	if total > 200_000 {
		t.Errorf("the console is %d bytes over the wire, want at most 200,000", total)
	}
}

// TestNothingInline is the policy's other half: a page with a script or style of its own would not work under it.
func TestNothingInline(t *testing.T) {
	resp := ask(t, "GET", "/index.html", nil)
	if found := regexp.MustCompile(`<style|<script[^>]*>[^<]|\son[a-z]+=|style=|https?:`).FindString(text(t, resp.Body)); found != "" {
		t.Errorf("the page has %q in it", found)
	}
	for header, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';",
		"X-Frame-Options":         "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
	} {
		if got := resp.Header.Get(header); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if got := resp.Header.Get("Content-Security-Policy"); strings.Contains(got, "unsafe") || !strings.Contains(got, "frame-ancestors 'none'") {
		t.Errorf("the policy is %q", got)
	}
}

func TestRevalidation(t *testing.T) {
	etag := ask(t, "GET", "/console.js", nil).Header.Get("ETag")
	again := ask(t, "GET", "/console.js", map[string]string{"If-None-Match": etag})
	if etag == "" || again.StatusCode != http.StatusNotModified || text(t, again.Body) != "" {
		t.Errorf("with its ETag %q: %s", etag, again.Status)
	}
	if other := ask(t, "GET", "/console.js", map[string]string{"If-None-Match": `"0"`}); other.StatusCode != http.StatusOK {
		t.Errorf("with another ETag: %s", other.Status)
	}
}

func TestServed(t *testing.T) {
	var s Served
	resp := ask(t, "GET", "/console.json", nil)
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil || s != (Served{}) || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("console.json: %+v, %v, %s", s, err, resp.Header.Get("Content-Type"))
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/nothing", 404}, {"GET", "/dist/console.js", 404}, {"GET", "/../handler.go", 404}, {"GET", "/console.js.gz", 404},
		{"POST", "/", 405}, {"DELETE", "/console.js", 405}, {"HEAD", "/console.js", 200},
	} {
		resp := ask(t, test.method, test.path, nil)
		if resp.StatusCode != test.want {
			t.Errorf("%s %s: %s, want %d", test.method, test.path, resp.Status, test.want)
		}
		if body := text(t, resp.Body); test.method == "HEAD" && body != "" {
			t.Errorf("HEAD %s has a body of %d bytes", test.path, len(body))
		}
	}
}
