package controllers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// alreadyApplied says whether applying desired would change nothing: every field of it has its
// value in current, and no field was applied before that desired lacks.
func alreadyApplied(desired *unstructured.Unstructured, current client.Object) (bool, error) {
	if current.GetAnnotations()[annotationApplied] != desired.GetAnnotations()[annotationApplied] {
		return false, nil
	}
	have, err := runtime.DefaultUnstructuredConverter.ToUnstructured(current)
	if err != nil {
		return false, fmt.Errorf("convert %T: %w", current, err)
	}
	for field, value := range desired.Object {
		if field == "apiVersion" || field == "kind" {
			continue // a typed object from the cache has neither
		}
		if metadata, ok := value.(map[string]any); ok && field == "metadata" {
			value = withoutVersion(metadata)
		}
		if !contained(value, have[field]) {
			return false, nil
		}
	}
	return true, nil
}

// withoutVersion is metadata without the resource version, which is a condition of a write and no reason for one.
func withoutVersion(metadata map[string]any) map[string]any {
	metadata = maps.Clone(metadata)
	delete(metadata, "resourceVersion")
	return metadata
}

// contained says whether have has every field of want with its value. Fields that want lacks are
// others' (defaults, status, hand-made additions). Lists are wholly the operator's, so they must be
// as long. A field that is absent equals its zero value, because encoding omits those.
func contained(want, have any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return len(want) == 0
		}
		for field, value := range want {
			if !contained(value, have[field]) {
				return false
			}
		}
		return true
	case []any:
		have, _ := have.([]any)
		return slices.EqualFunc(want, have, contained)
	default:
		if have == nil {
			return want == nil || reflect.ValueOf(want).IsZero()
		}
		return want == have
	}
}

// foreignLists is a merge patch that sets every list of want that have doesn't equal; false if there
// is none.
func foreignLists(want, have map[string]any) (map[string]any, bool) {
	patch := map[string]any{}
	for field, value := range want {
		switch value := value.(type) {
		case map[string]any:
			inner, _ := have[field].(map[string]any)
			if lists, differ := foreignLists(value, inner); differ {
				patch[field] = lists
			}
		case []any:
			if !contained(value, have[field]) {
				patch[field] = value
			}
		}
	}
	return patch, len(patch) > 0
}

// fieldsHash is the hash of the paths of all fields in o, list positions included.
func fieldsHash(o map[string]any) string {
	h := sha256.New()
	writePaths(h, "", o)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func writePaths(w io.Writer, path string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, field := range slices.Sorted(maps.Keys(value)) {
			writePaths(w, path+"\x00"+field, value[field])
		}
	case []any:
		for i := range value {
			writePaths(w, fmt.Sprintf("%s\x00%d", path, i), value[i])
		}
	default:
		_, _ = io.WriteString(w, path+"\n") // a hash never fails
	}
}
