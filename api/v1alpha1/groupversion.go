package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is mqtt.dunlin.dev/v1alpha1.
var GroupVersion = schema.GroupVersion{Group: "mqtt.dunlin.dev", Version: "v1alpha1"}

// AddToScheme registers the kinds of this package.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &Broker{}, &BrokerList{}, &User{}, &UserList{}, &ACL{}, &ACLList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
