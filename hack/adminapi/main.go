// Command adminapi writes the description of the admin API: broker/admin/openapi.json, which the broker serves, and
// docs/admin-api.md, for people. Both are made of the route table that the broker serves by, of the types that it sends and
// of the comments on those. It is run in the repository's root, by hack/generate.sh.
package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "adminapi:", err)
		os.Exit(1)
	}
}

func write() error {
	comments, err := read("broker/admin/api")
	if err != nil {
		return err
	}
	description, err := admin.Describe(func(name string) string { return comments[name] })
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	if err := os.WriteFile("broker/admin/openapi.json", append(description, '\n'), 0o644); err != nil {
		return err
	}
	var d document
	if err := json.Unmarshal(description, &d); err != nil {
		return fmt.Errorf("read the description: %w", err)
	}
	before, err := os.ReadFile("docs/admin-api.md")
	if err != nil {
		return err
	}
	intro, _, found := strings.Cut(string(before), marker)
	if !found {
		return fmt.Errorf("docs/admin-api.md has no line %q", marker)
	}
	return os.WriteFile("docs/admin-api.md", []byte(intro+marker+"\n\n"+d.page()), 0o644)
}

// marker is where what is generated begins.
const marker = "<!-- generated from here on: make generate -->"

// read gathers the comments of a package: on "api", the package; on "Client", a type; on "Client.ID", a field.
func read(dir string) (map[string]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	comments := make(map[string]string)
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		if f.Doc != nil {
			comments[f.Name.Name] = line(f.Doc)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, spec := range g.Specs {
				describe(comments, g, spec.(*ast.TypeSpec))
			}
		}
	}
	return comments, nil
}

func describe(comments map[string]string, g *ast.GenDecl, t *ast.TypeSpec) {
	comments[t.Name.Name] = line(g.Doc)
	s, ok := t.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range s.Fields.List {
		doc := f.Doc
		if doc == nil {
			doc = f.Comment
		}
		for _, name := range f.Names {
			comments[t.Name.Name+"."+name.Name] = line(doc)
		}
	}
}

// line is a comment as one line; "" for none.
func line(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	return strings.Join(strings.Fields(c.Text()), " ")
}
