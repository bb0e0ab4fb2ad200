package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// TestOpenAPI: the description that is served is that of the routes, and whole.
func TestOpenAPI(t *testing.T) {
	handler, _ := newAPI(t, deps())
	w := ask(handler, "GET", "/v1/openapi.json", "Bearer reader")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var d struct {
		OpenAPI    string                               `json:"openapi"`
		Paths      map[string]map[string]map[string]any `json:"paths"`
		Components struct {
			Schemas map[string]struct {
				Properties map[string]struct {
					Description string `json:"description"`
				} `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || d.OpenAPI != "3.1.0" {
		t.Fatalf("%v %q", err, d.OpenAPI)
	}
	operations, ids := 0, make(map[any]bool)
	for path, methods := range d.Paths {
		for method, op := range methods {
			operations++
			if ids[op["operationId"]] || op["summary"] == "" {
				t.Errorf("%s %s: %v", method, path, op)
			}
			ids[op["operationId"]] = true
		}
	}
	for _, r := range routes() {
		op := d.Paths[r.path][strings.ToLower(r.method)]
		if op["x-role"] != r.role.String() || op["summary"] != r.summary {
			t.Errorf("%s %s: %v: run make generate", r.method, r.path, op)
		}
	}
	if operations != len(routes()) {
		t.Errorf("%d operations, %d routes: run make generate", operations, len(routes()))
	}
	for _, ref := range references(w.Body.String()) {
		if _, ok := d.Components.Schemas[ref]; !ok {
			t.Errorf("there is no schema %s", ref)
		}
	}
	if got := d.Components.Schemas["Retained"].Properties["size"].Description; got != "of the payload" {
		t.Errorf("the comments are missing: %q", got)
	}
}

// references are the names of the schemas that a description refers to.
func references(text string) (names []string) {
	const to = `"#/components/schemas/`
	for {
		_, rest, found := strings.Cut(text, to)
		if !found {
			return names
		}
		name, _, _ := strings.Cut(rest, `"`)
		names, text = append(names, name), rest
	}
}

// TestEveryRouteIsServed: each is there, for its role alone, and has the parameters that its description says.
func TestEveryRouteIsServed(t *testing.T) {
	d := deps()
	d.Broker, d.Clients, d.Topics, d.Access, d.Metrics = &fake{}, &fake{}, &fake{}, &fake{}, metrics
	handler, _ := newAPI(t, d)
	for _, r := range routes() {
		if r.path == "/v1/trace" || r.method == "POST" {
			continue // of their own tests
		}
		path := strings.NewReplacer("{id}", "x", "{topic}", "x").Replace(r.path)
		query := ""
		for _, p := range r.params {
			value := "1"
			if p.values != nil {
				value = p.values[0]
			}
			query += "&" + p.name + "=" + value
		}
		want := []int{http.StatusOK, http.StatusNoContent, http.StatusConflict} // the last for a backup of nothing
		if w := ask(handler, r.method, path+"?"+strings.TrimPrefix(query, "&"), "Bearer writer"); !slices.Contains(want, w.Code) {
			t.Errorf("%s %s: %d %s", r.method, path, w.Code, w.Body)
		}
		if w := ask(handler, r.method, path+"?"+strings.TrimPrefix(query, "&"), "Bearer reader"); (w.Code == http.StatusForbidden) != (r.role == Write) {
			t.Errorf("%s %s by a reader: %d %s", r.method, path, w.Code, w.Body)
		}
		if w := ask(handler, "HEAD", path+"?"+strings.TrimPrefix(query, "&"), "Bearer writer"); r.media == "" && r.method == "GET" && w.Code != http.StatusOK {
			t.Errorf("HEAD %s: %d %s", path, w.Code, w.Body)
		}
	}
}

// TestErrors: what a function of the broker fails with is the status.
func TestErrors(t *testing.T) {
	f := new(fake)
	d := deps()
	d.Clients = f
	handler, _ := newAPI(t, d)
	for err, status := range map[error]int{ErrNotFound: 404, ErrInvalid: 400, ErrConflict: 409, ErrUnavailable: 503, ErrTooMany: 429, http.ErrAbortHandler: 500} {
		f.err = err
		var e api.Error
		w := ask(handler, "GET", "/v1/clients/x", "Bearer reader")
		if json.Unmarshal(w.Body.Bytes(), &e) != nil || w.Code != status || e.Error != err.Error() {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
}
