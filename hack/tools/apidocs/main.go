// Command apidocs writes the reference of the API from the CustomResourceDefinitions: a page of
// tables, one row a field, with its type, default, limits and description.
//
// It reads only the files that it is given and prints only what they say, so that the same CRDs
// make the same page. The Makefile's generate target calls it:
//
//	apidocs config/crd/*.yaml > docs/api.md
package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	page, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "apidocs:", err)
		os.Exit(1)
	}
	os.Stdout.Write(page)
}

// run reads the CRD files and returns the page.
func run(files []string) ([]byte, error) {
	if len(files) == 0 {
		return nil, fmt.Errorf("no files: name the CustomResourceDefinitions to document")
	}
	var crds []apiextensionsv1.CustomResourceDefinition
	for _, file := range files {
		crd, err := read(file)
		if err != nil {
			return nil, err
		}
		crds = append(crds, crd)
	}
	slices.SortFunc(crds, func(a, b apiextensionsv1.CustomResourceDefinition) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.Spec.Names.Kind, b.Spec.Names.Kind))
	})
	var out bytes.Buffer
	writePage(&out, crds)
	return out.Bytes(), nil
}

// rank puts the kinds in the order in which a user meets them; others follow by name.
func rank(crd apiextensionsv1.CustomResourceDefinition) int {
	order := []string{"Broker", "User", "ACL"}
	if i := slices.Index(order, crd.Spec.Names.Kind); i >= 0 {
		return i
	}
	return len(order)
}

// read loads one CustomResourceDefinition.
func read(file string) (crd apiextensionsv1.CustomResourceDefinition, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return crd, err
	}
	if err := yaml.UnmarshalStrict(data, &crd); err != nil {
		return crd, fmt.Errorf("parse %s: %w", file, err)
	}
	for _, v := range crd.Spec.Versions {
		if v.Schema == nil || v.Schema.OpenAPIV3Schema == nil {
			return crd, fmt.Errorf("read %s: version %s has no schema", file, v.Name)
		}
	}
	if crd.Kind != "CustomResourceDefinition" {
		return crd, fmt.Errorf("read %s: it is a %q, not a CustomResourceDefinition", file, crd.Kind)
	}
	return crd, nil
}
