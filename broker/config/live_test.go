package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// live is what Static leaves out, and the doc comments in the API say so. A path that ends with a dot
// stands for all that is below it.
var live = []string{
	"authentication.", "authorization.", "limits.", "drain.", "log.level", "store.maxBytes", "listeners[0].maxConnections",
}

// TestStatic: a change of each field that there is either leaves the static part alone, and is taken
// over by WithLive, or is a change of it, and is not.
func TestStatic(t *testing.T) {
	base := Config{
		Listeners:      []Listener{{ListenerSettings: ListenerSettings{Name: "a", ProxyProtocol: &ProxyProtocol{}}, TLS: &ListenerTLS{}}},
		Authentication: Authentication{ClientCertificate: &ClientCertificate{}},
	}
	var paths []string
	walk(reflect.ValueOf(&base).Elem(), "", func(f field, path string) {
		if k := f.value.Kind(); k != reflect.Struct && !strings.HasSuffix(path, ".name") && path != "listeners" && !isPointer(f.value) {
			paths = append(paths, path)
		}
	})
	for _, path := range paths {
		changed := *base.DeepCopy()
		walk(reflect.ValueOf(&changed).Elem(), "", func(f field, at string) {
			if at == path {
				alter(t, f.value)
			}
		})
		isLive := slices.ContainsFunc(live, func(l string) bool { return path == l || strings.HasSuffix(l, ".") && strings.HasPrefix(path, l) })
		if got := reflect.DeepEqual(base.Static(), changed.Static()); got != isLive {
			t.Errorf("%s: the static part is the same: %v, want %v", path, got, isLive)
		}
		want := base
		if isLive {
			want = changed
		}
		if diff := cmp.Diff(want, base.WithLive(changed)); diff != "" {
			t.Errorf("%s: WithLive, -want +got:\n%s", path, diff)
		}
	}
	if len(paths) < 60 {
		t.Errorf("only %d fields were found: %v", len(paths), paths)
	}
}

func isPointer(v reflect.Value) bool {
	return v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct
}

// alter gives v another value.
func alter(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int32, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		t.Fatalf("no way to alter a %s", v.Type())
	}
}
