package config

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// field is one field of a settings struct, as the file names it.
type field struct {
	*fieldInfo
	value reflect.Value
}

type fieldInfo struct {
	name       string // in the file
	key        string // in constraints
	constraint constraint
	required   bool
	index      []int // in the struct
}

// fieldInfos remembers what fieldsOfType found: reflect.Type -> []fieldInfo. Bundles have very many ACLs.
var fieldInfos sync.Map

// fieldsOf lists the fields of the struct v, those of inlined structs among them.
func fieldsOf(v reflect.Value) []field {
	known, ok := fieldInfos.Load(v.Type())
	if !ok {
		known, _ = fieldInfos.LoadOrStore(v.Type(), fieldsOfType(v.Type(), nil))
	}
	infos := known.([]fieldInfo)
	out := make([]field, len(infos))
	for i := range infos {
		out[i] = field{&infos[i], v.FieldByIndex(infos[i].index)}
	}
	return out
}

func fieldsOfType(t reflect.Type, at []int) []fieldInfo {
	var out []fieldInfo
	for i := range t.NumField() {
		f := t.Field(i)
		where := append(slices.Clone(at), i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			out = append(out, fieldsOfType(f.Type, where)...)
			continue
		}
		key := t.Name() + "." + f.Name
		out = append(out, fieldInfo{
			name:       name,
			key:        key,
			constraint: constraints[key],
			required:   !strings.Contains(options, "omitempty"),
			index:      where,
		})
	}
	return out
}

// walk calls visit for every field under the struct v, with its path in the file, before those within it.
func walk(v reflect.Value, path string, visit func(f field, path string)) {
	for _, f := range fieldsOf(v) {
		at := join(path, f.name)
		visit(f, at)
		switch value := f.value; {
		case value.Kind() == reflect.Struct:
			walk(value, at, visit)
		case value.Kind() == reflect.Pointer && !value.IsNil() && value.Elem().Kind() == reflect.Struct:
			walk(value.Elem(), at, visit)
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Struct:
			for i := range value.Len() {
				walk(value.Index(i), index(at, i), visit)
			}
		}
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }
