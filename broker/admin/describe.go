package admin

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// object is a JSON object of the description.
type object map[string]any

// Describe makes the description of the API, as OpenAPI 3.1, of the routes that the handler serves and the types that it
// sends. doc is what the source says of a type ("Client") or a field ("Client.ID"). Only the generator calls it.
func Describe(doc func(name string) string) ([]byte, error) {
	s := schemas{doc: doc, known: object{}}
	paths := object{}
	for _, r := range routes() {
		methods, ok := paths[r.path].(object)
		if !ok {
			methods = object{}
			paths[r.path] = methods
		}
		methods[strings.ToLower(r.method)] = s.operation(&r)
	}
	s.of(reflect.TypeFor[api.Error]())
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Dunlin admin API", "version": "v1",
			"description": doc("api"),
			"license":     object{"name": "Apache 2.0", "identifier": "Apache-2.0"},
		},
		"security": []object{{"token": []string{}}, {"user": []string{}}, {"key": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas": s.known,
			"securitySchemes": object{
				"token": object{"type": "http", "scheme": "bearer", "description": "A token of admin.tokensFile."},
				"user":  object{"type": "http", "scheme": "basic", "description": "A user of admin.readGroup or admin.writeGroup."},
				"key":   object{"type": "mutualTLS", "description": "A client certificate whose key is one of admin.clientKeyPins."},
			},
		},
	}, "", "  ")
}

// operation describes a route.
func (s *schemas) operation(r *route) object {
	status, good := strconv.Itoa(max(r.status, 200)), object{"description": "It is done."}
	media := r.media
	if r.answer != nil {
		if media == "" {
			media = "application/json"
		}
		good = object{"description": "What was asked for.", "content": object{media: object{"schema": s.of(reflect.TypeOf(r.answer))}}}
	} else if media != "" {
		good = object{"description": "What was asked for.", "content": object{media: object{}}}
	}
	op := object{
		"operationId": operationID(r), "summary": r.summary, "x-role": r.role.String(),
		"responses": object{
			status: good,
			"default": object{"description": "It is not done.", "content": object{
				"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}}},
		},
	}
	if params := parameters(r); len(params) > 0 {
		op["parameters"] = params
	}
	if r.method == "POST" {
		op["requestBody"] = object{"required": true, "content": object{"application/octet-stream": object{}}}
	}
	return op
}

func parameters(r *route) (all []object) {
	for _, segment := range strings.Split(r.path, "/") {
		if name := strings.Trim(segment, "{}"); name != segment {
			all = append(all, object{"name": name, "in": "path", "required": true, "schema": object{"type": "string"},
				"description": "Percent-encoded, its slashes as well."})
		}
	}
	for _, p := range r.params {
		schema := object{"type": "string"}
		switch {
		case p.integer:
			schema = object{"type": "integer", "minimum": 1, "maximum": maxLimit, "default": defaultLimit}
		case slices.Equal(p.values, boolean):
			schema = object{"type": "boolean"}
		case p.values != nil:
			schema["enum"] = p.values
		}
		all = append(all, object{"name": p.name, "in": "query", "required": p.required, "schema": schema, "description": p.doc})
	}
	return all
}

// operationID is a name for the programs that generate clients.
func operationID(r *route) string {
	id := strings.ToLower(r.method)
	for _, word := range strings.FieldsFunc(strings.TrimSuffix(strings.TrimPrefix(r.path, "/v1"), ".json"), func(c rune) bool { return !unicode.IsLetter(c) }) {
		id += strings.ToUpper(word[:1]) + word[1:]
	}
	return id
}

// schemas are those of the types, by name.
type schemas struct {
	doc   func(string) string
	known object
}

// of is the schema of a type, or a reference to it.
func (s *schemas) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[[]byte]():
		return object{"type": "string", "contentEncoding": "base64"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		return s.structure(t)
	}
	integer := object{"type": "integer", "format": "int64"}
	if strings.HasPrefix(t.Kind().String(), "u") {
		integer["minimum"] = 0
	}
	return integer
}

// structure adds a struct to the known ones.
func (s *schemas) structure(t reflect.Type) object {
	name := schemaName(t)
	ref := object{"$ref": "#/components/schemas/" + name}
	if s.known[name] != nil {
		return ref
	}
	schema := object{"type": "object"}
	s.known[name] = schema
	properties, required := object{}, []string{}
	s.fields(t, properties, &required)
	schema["properties"] = properties
	if len(required) > 0 {
		schema["required"] = required
	}
	if doc := s.doc(sourceName(t)); doc != "" {
		schema["description"] = doc
	}
	return ref
}

// fields adds those of a struct, and of what is embedded in it.
func (s *schemas) fields(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			s.fields(f.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		property := maps.Clone(s.of(f.Type))
		if doc := s.doc(sourceName(t) + "." + f.Name); doc != "" {
			property["description"] = doc
		}
		properties[name] = property
		if options == "" {
			*required = append(*required, name)
		}
	}
}

// sourceName is a type's name in the source, without what it is instantiated with.
func sourceName(t reflect.Type) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	return name
}

// schemaName is a type's name in the description: PageOfClient for Page[Client].
func schemaName(t reflect.Type) string {
	name, of, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return name
	}
	return name + "Of" + strings.TrimSuffix(of[strings.LastIndexByte(of, '.')+1:], "]")
}
