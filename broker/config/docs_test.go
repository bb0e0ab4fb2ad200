package config

import (
	"fmt"
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
	cfg.Authentication.ClientCertificate, cfg.Authentication.ServiceAccounts = nil, nil // there is no default
	if !reflect.DeepEqual(cfg.MQTT, defaults.MQTT) || cfg.Limits != defaults.Limits || cfg.Log != defaults.Log || cfg.Store.Durability != defaults.Store.Durability ||
		!reflect.DeepEqual(cfg.Authentication, defaults.Authentication) || cfg.Authorization != defaults.Authorization {
		t.Errorf("the page says %+v, the defaults are %+v", cfg, defaults)
	}
	if _, err := ParseACLSet([]byte(blocks[1][1]), "configuration.md", func(string) error { return nil }); err != nil {
		t.Error(err)
	}
}

// TestLimitsPage: docs/limits.md has every limit with the default that is in force.
func TestLimitsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/limits.md")
	if err != nil {
		t.Fatal(err)
	}
	said := make(map[string]string)
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([0-9]+) \\|").FindAllStringSubmatch(string(page), -1) {
		said[strings.Replace(row[1], "[]", "[0]", 1)] = row[2]
	}
	limit := regexp.MustCompile(`^limits\.|^(mqtt|listeners\[0\])\..*[mM]ax`)
	walk(reflect.ValueOf(Config{}.Defaulted()), "", func(f field, path string) {
		value := reflect.Indirect(f.value)
		got, ok := said[path]
		if delete(said, path); ok && got != fmt.Sprint(value) {
			t.Errorf("%s is %s on the page, and %v in force", path, got, value)
		}
		if !ok && limit.MatchString(path) && value.Kind() != reflect.Struct {
			t.Errorf("%s is not on the page", path)
		}
	})
	for path := range said {
		t.Errorf("%s is on the page, and no setting", path)
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
