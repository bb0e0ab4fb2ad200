package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// ACL says what users, groups or clients of a Broker may publish and subscribe to.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=mqacl,categories=mqtt,path=acls,singular=acl
// +kubebuilder:printcolumn:name="Broker",type=string,JSONPath=`.spec.brokerRef.name`
// +kubebuilder:printcolumn:name="Priority",type=integer,JSONPath=`.spec.priority`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type ACL struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec ACLSpec `json:"spec"`
	// +optional
	// +kubebuilder:default={conditions: {{type: "Ready", status: "Unknown", reason: "Progressing", message: "Waiting for the operator", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status ACLStatus `json:"status,omitempty"`
}

// ACLSpec is a set of rules for a set of subjects.
type ACLSpec struct {
	// BrokerRef is the Broker that the rules are for. Immutable.
	BrokerRef       BrokerRef `json:"brokerRef"`
	config.ACLRules `json:",inline"`
	// Tests are what must hold for the ACL to be applied. It is asked alone, by the broker's own matcher: other ACLs
	// and the Broker's default policy count for nothing, and what none of its rules decides is denied. While one
	// fails, the rules that were applied last stay.
	// +kubebuilder:validation:MaxItems=64
	// +listType=atomic
	// +optional
	Tests []ACLTest `json:"tests,omitempty"`
}

// ACLTest is something that a client may or may not do.
type ACLTest struct {
	// As is who does it. Default: an anonymous client.
	// +optional
	As ACLTestClient `json:"as,omitempty"`
	// Action is Publish or Subscribe.
	Action config.Action `json:"action"`
	// Topic is the topic name to publish to, or the topic filter to subscribe to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Topic string `json:"topic"`
	// Expect is Allow or Deny. A subscription of which a part is denied counts as denied.
	Expect config.Effect `json:"expect"`
}

// ACLTestClient is a client that need not exist.
type ACLTestClient struct {
	// User is the MQTT user name. Default: none, an anonymous client.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	User string `json:"user,omitempty"`
	// Groups are the user's.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=256
	// +listType=set
	// +optional
	Groups []string `json:"groups,omitempty"`
	// Labels are the User object's, for subjects with a selector.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// ClientID is the MQTT client identifier.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	ClientID string `json:"clientID,omitempty"`
	// CertCommonName is the Common Name of the client's certificate.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	CertCommonName string `json:"certCommonName,omitempty"`
}

// ACLStatus is what the operator last saw.
type ACLStatus struct {
	// ObservedGeneration is the generation of the spec that the conditions are about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions: Ready, Applied; Reconciling, Stalled and RulesShadowed only while they are true. Ready=True
	// means that every serving pod enforces the rules.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// AppliedDigest identifies the rules that every serving pod has loaded.
	// +optional
	AppliedDigest string `json:"appliedDigest,omitempty"`
}

// ACLList is a list of ACLs.
//
// +kubebuilder:object:root=true
type ACLList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ACL `json:"items"`
}
