package config

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConstraintsAreTheMarkers holds the tables to the kubebuilder markers, from which the CRDs are generated: the
// API server and the broker must agree on what is valid and on what is meant by nothing.
func TestConstraintsAreTheMarkers(t *testing.T) {
	wantFields, wantEnums := markers(t)
	sameRegexp := cmp.Comparer(func(a, b *regexp.Regexp) bool {
		return a == b || a != nil && b != nil && a.String() == b.String()
	})
	if diff := cmp.Diff(wantFields, constraints, sameRegexp); diff != "" {
		t.Errorf("constraints differ from the markers (-markers +table):\n%s", diff)
	}
	if diff := cmp.Diff(wantEnums, enums); diff != "" {
		t.Errorf("enums differ from the markers (-markers +table):\n%s", diff)
	}
}

// TestDefaultsFitTheirFields sets every default, which panics on one that does not fit.
func TestDefaultsFitTheirFields(t *testing.T) {
	known := make(map[string]bool)
	acls := ACLSet{ACLs: []ACL{{ACLRules: ACLRules{Subjects: []Subject{{Selector: &Selector{MatchExpressions: make([]SelectorRequirement, 1)}}}, Rules: make([]Rule, 1)}}}}
	users := UserSet{Users: []UserAttributes{{Limits: &UserLimits{}}}}
	for _, v := range []reflect.Value{reflect.ValueOf(Config{Authentication: Authentication{ServiceAccounts: &ServiceAccounts{}}, Listeners: []Listener{{ListenerSettings: ListenerSettings{ProxyProtocol: &ProxyProtocol{}}, TLS: &ListenerTLS{}}}}.Defaulted()), reflect.ValueOf(acls.Defaulted()), reflect.ValueOf(users)} {
		walk(v, "", func(f field, path string) {
			known[f.key] = true
			if constraints[f.key].Default != "" && constraints[f.key].Default != "0" && f.value.IsZero() {
				t.Errorf("%s has no default", path)
			}
		})
	}
	for key := range constraints {
		if !known[key] {
			t.Errorf("constraints has %s, which is no field", key)
		}
	}
}

func markers(t *testing.T) (map[string]constraint, map[string][]string) {
	t.Helper()
	fields, values := make(map[string]constraint), make(map[string][]string)
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			gen, ok := decl.(*ast.GenDecl)
			if !ok || gen.Tok != token.TYPE {
				continue
			}
			for _, spec := range gen.Specs {
				typeMarkers(t, gen, spec.(*ast.TypeSpec), fields, values)
			}
		}
	}
	if len(fields) < 20 || len(values) < 5 {
		t.Fatalf("found only %d fields and %d enums: the markers are not being read", len(fields), len(values))
	}
	return fields, values
}

func typeMarkers(t *testing.T, gen *ast.GenDecl, spec *ast.TypeSpec, fields map[string]constraint, values map[string][]string) {
	for _, m := range markerLines(gen.Doc) {
		if list, ok := strings.CutPrefix(m, "kubebuilder:validation:Enum="); ok {
			for _, v := range strings.Split(list, ";") {
				values[spec.Name.Name] = append(values[spec.Name.Name], strings.Trim(v, `"`))
			}
		} else if !strings.HasPrefix(m, "kubebuilder:validation:XValidation:") && // in code: ACLSet.faults
			!strings.HasPrefix(m, "kubebuilder:object:generate=") {
			t.Errorf("%s has the marker +%s, which the broker does not know of", spec.Name.Name, m)
		}
	}
	structure, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range structure.Fields.List {
		var c constraint
		for _, m := range markerLines(f.Doc) {
			if !c.set(t, m) {
				t.Errorf("%s.%v has the marker +%s, which the broker does not know of", spec.Name.Name, f.Names, m)
			}
		}
		if !reflect.ValueOf(c).IsZero() {
			fields[spec.Name.Name+"."+f.Names[0].Name] = c
		}
	}
}

func markerLines(doc *ast.CommentGroup) []string {
	var out []string
	for line := range strings.Lines(doc.Text()) {
		if m, ok := strings.CutPrefix(strings.TrimSpace(line), "+"); ok {
			out = append(out, m)
		}
	}
	return out
}

// set takes one marker over into c and reports whether it knows it.
func (c *constraint) set(t *testing.T, marker string) bool {
	name, value, _ := strings.Cut(marker, "=")
	number := func() int64 {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			t.Fatalf("+%s: %v", marker, err)
		}
		return n
	}
	switch strings.TrimPrefix(name, "kubebuilder:") {
	case "optional", "required":
	case "default":
		c.Default = value
	case "validation:Minimum":
		c.Min = new(number())
	case "validation:Maximum":
		c.Max = new(number())
	case "validation:MinLength":
		c.MinLength = int(number())
	case "validation:MaxLength":
		c.MaxLength = int(number())
	case "validation:Pattern":
		c.Pattern = regexp.MustCompile(strings.Trim(value, "`"))
	case "validation:MinItems":
		c.MinItems = int(number())
	case "validation:MaxItems", "validation:MaxProperties":
		c.MaxItems = int(number())
	case "validation:items:MinLength":
		c.ItemMin = int(number())
	case "validation:items:MaxLength":
		c.ItemMax = int(number())
	case "validation:items:Pattern":
		c.ItemPattern = regexp.MustCompile(strings.Trim(value, "`"))
	case "listType":
		c.Unique = value == "set"
	default:
		return false
	}
	return true
}
