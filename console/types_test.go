package console

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

var update = flag.Bool("update", false, "write src/api/types.ts")

// TestTypes keeps the page's types what the admin API's are.
func TestTypes(t *testing.T) {
	w := &writer{done: map[reflect.Type]bool{}}
	fmt.Fprint(&w.out, "// Made of package broker/admin/api by `make generate`.\n\n"+
		"export interface Page<T> {\n  items: T[]\n  next?: string\n  total: number\n}\n")
	for _, root := range []any{
		api.Status{}, api.Me{}, api.Overview{}, api.ClientDetail{}, api.Decision{}, api.Denial{}, api.User{}, api.TopicNode{}, api.Retained{},
		api.Event{}, api.Error{},
	} {
		w.define(reflect.TypeOf(root))
	}
	const file = "src/api/types.ts"
	if *update {
		if err := os.WriteFile(file, w.out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.out.String(), string(got)); diff != "" {
		t.Errorf("%s is not what package api has: make generate (-want +got):\n%s", file, diff)
	}
}

// writer writes Go structs as TypeScript interfaces.
type writer struct {
	out  bytes.Buffer
	done map[reflect.Type]bool
}

// define writes the interface of a struct, after those that it uses.
func (w *writer) define(s reflect.Type) {
	if w.done[s] {
		return
	}
	w.done[s] = true
	var body bytes.Buffer
	extends := ""
	for i := range s.NumField() {
		f := s.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous {
			extends = " extends " + w.name(f.Type)
			continue
		}
		optional := ""
		if strings.Contains(options, "omit") {
			optional = "?"
		}
		fmt.Fprintf(&body, "  %s%s: %s\n", name, optional, w.name(f.Type))
	}
	fmt.Fprintf(&w.out, "\nexport interface %s%s {\n%s}\n", s.Name(), extends, body.String())
}

// name is how TypeScript calls a type.
func (w *writer) name(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return w.name(t.Elem())
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Map:
		return "Record<string, " + w.name(t.Elem()) + ">"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "string" // base64
		}
		return w.name(t.Elem()) + "[]"
	case reflect.Struct:
		if t == reflect.TypeFor[time.Time]() {
			return "string" // RFC 3339
		}
		w.define(t)
		return t.Name()
	default:
		return "number"
	}
}
