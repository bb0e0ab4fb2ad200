package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestConfigurationPage: the example in docs/configuration.md is accepted, has every field that
// there is, and says the defaults that are in force.
func TestConfigurationPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d YAML blocks, want the configuration and the ACL file", len(blocks))
	}
	cfg, err := Parse([]byte(blocks[0][1]), "configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range fieldNames(reflect.TypeFor[Config]()) {
		if !strings.Contains(blocks[0][1], name+":") {
			t.Errorf("field %s is not on the page", name)
		}
	}
	defaults := Config{}.Defaulted()
	cfg.Authentication.ClientCertificate = nil // there is no default
	if !reflect.DeepEqual(cfg.MQTT, defaults.MQTT) || cfg.Log != defaults.Log || cfg.Store.Durability != defaults.Store.Durability ||
		!reflect.DeepEqual(cfg.Authentication, defaults.Authentication) || cfg.Authorization != defaults.Authorization {
		t.Errorf("the page says %+v, the defaults are %+v", cfg, defaults)
	}
	if _, err := ParseACLSet([]byte(blocks[1][1]), "configuration.md", func(string) error { return nil }); err != nil {
		t.Error(err)
	}
}

// fieldNames are the names of all fields of a type of this package, at any depth.
func fieldNames(typ reflect.Type) []string {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice:
		return fieldNames(typ.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var names []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
		names = append(names, fieldNames(f.Type)...)
	}
	return names
}
