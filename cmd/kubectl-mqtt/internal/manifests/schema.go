package manifests

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/config/crd"
)

// Schemas are the rules of our kinds: kind -> how an API server treats an object of it. They are safe
// for concurrent use.
type Schemas map[string]*kindSchema

type kindSchema struct {
	structural *schema.Structural
	validator  validation.SchemaValidator
	rules      *cel.Validator // nil: the kind has no CEL rules
}

// NewSchemas compiles the CustomResourceDefinitions that this program holds.
func NewSchemas() (Schemas, error) {
	entries, err := crd.Files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list CRDs: %w", err)
	}
	schemas := Schemas{}
	for _, entry := range entries {
		data, err := crd.Files.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read CRD: %w", err)
		}
		if err := schemas.add(data); err != nil {
			return nil, fmt.Errorf("compile CRD %s: %w", entry.Name(), err)
		}
	}
	return schemas, nil
}

func (s Schemas) add(data []byte) error {
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(data, definition); err != nil {
		return err
	}
	i := slices.IndexFunc(definition.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Name == v1alpha1.GroupVersion.Version
	})
	if i < 0 {
		return fmt.Errorf("it has no version %s", v1alpha1.GroupVersion.Version)
	}
	internal := &apiextensions.JSONSchemaProps{}
	err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(
		definition.Spec.Versions[i].Schema.OpenAPIV3Schema, internal, nil)
	if err != nil {
		return err
	}
	k := &kindSchema{}
	if k.structural, err = schema.NewStructural(internal); err != nil {
		return err
	}
	if k.validator, _, err = validation.NewSchemaValidator(internal); err != nil {
		return err
	}
	k.rules = cel.NewValidator(k.structural, true, celconfig.PerCallLimit)
	s[definition.Spec.Names.Kind] = k
	return nil
}

// admit does to object what an API server does to a new one, in the same order: unknown fields are
// refused, defaults are filled in, and schema, metadata, lists and CEL rules are checked. Rules about
// changes (oldSelf) have nothing to compare with.
func (k *kindSchema) admit(object map[string]any) (unknown []string, errs field.ErrorList) {
	options := schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	unknown = pruning.PruneWithOptions(object, k.structural, true, options)
	err, inMetadata := objectmeta.CoerceWithOptions(nil, object, k.structural, true,
		objectmeta.CoerceOptions{ReturnUnknownFieldPaths: true})
	unknown = append(unknown, inMetadata...)
	if err != nil {
		return unknown, field.ErrorList{err}
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, k.structural)
	defaulting.Default(object, k.structural)
	delete(object, "status") // which a new object cannot set, and has no use here
	errs = checkMetadata(object)
	errs = append(errs, validation.ValidateCustomResource(nil, object, k.validator)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, k.structural, object)...)
	if k.rules != nil && !slices.ContainsFunc(errs, blocksRules) {
		violated, _ := k.rules.Validate(context.Background(), nil, k.structural, object, nil, celconfig.RuntimeCELCostBudget)
		errs = append(errs, violated...)
	}
	return unknown, errs
}

func checkMetadata(object map[string]any) field.ErrorList {
	meta, found, err := objectmeta.GetObjectMeta(object, false)
	if err != nil {
		return field.ErrorList{field.Invalid(field.NewPath("metadata"), object["metadata"], err.Error())}
	}
	if !found {
		return field.ErrorList{field.Required(field.NewPath("metadata", "name"), "name or generateName is required")}
	}
	return apivalidation.ValidateObjectMeta(meta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
}

// blocksRules says whether an API server leaves the CEL rules out for err: they need the right types.
func blocksRules(err *field.Error) bool {
	switch err.Type {
	case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany,
		field.ErrorTypeTypeInvalid:
		return true
	}
	return false
}
