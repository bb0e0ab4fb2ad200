package children

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// RouteGroup is that of the Gateway API, whose module is not imported for two kinds. Their version is the cluster's to say: it has
// changed while these fields have not.
const RouteGroup = "gateway.networking.k8s.io"

// RouteKinds are the kinds of routes that a listener may have.
var RouteKinds = []schema.GroupKind{{Group: RouteGroup, Kind: "TLSRoute"}, {Group: RouteGroup, Kind: "TCPRoute"}}

// RouteName is the name of a listener's route.
func RouteName(b *v1alpha1.Broker, l v1alpha1.ListenerSpec) string { return ListenerServiceName(b, l) }

// Route brings a listener that asks for it to its Gateways.
func Route(b *v1alpha1.Broker, l v1alpha1.ListenerSpec, version string) *unstructured.Unstructured {
	service, port := backend(b, l)
	spec := map[string]any{
		"rules": []any{map[string]any{"backendRefs": []any{map[string]any{"name": service, "port": int64(port)}}}},
	}
	var parents []any
	for _, p := range l.Route.ParentRefs {
		parent := map[string]any{"name": p.Name}
		if p.Namespace != "" {
			parent["namespace"] = p.Namespace
		}
		if p.SectionName != "" {
			parent["sectionName"] = p.SectionName
		}
		if p.Port != 0 {
			parent["port"] = int64(p.Port)
		}
		parents = append(parents, parent)
	}
	spec["parentRefs"] = parents
	if len(l.Route.Hostnames) > 0 {
		var names []any
		for _, name := range l.Route.Hostnames {
			names = append(names, name)
		}
		spec["hostnames"] = names
	}
	return untyped(b, schema.GroupVersionKind{Group: RouteGroup, Version: version, Kind: l.Route.Kind}, RouteName(b, l), spec)
}

// backend is the Service that a route leads to, and its port: the listener's own, or the one for all.
func backend(b *v1alpha1.Broker, l v1alpha1.ListenerSpec) (service string, port int32) {
	if l.Service == nil {
		return ServiceName(b), l.Port
	}
	if l.Service.Port != 0 {
		return ListenerServiceName(b, l), l.Service.Port
	}
	return ListenerServiceName(b, l), l.Port
}
