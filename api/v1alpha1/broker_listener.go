package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// ListenerSpec is one port of the broker.
//
// +kubebuilder:validation:XValidation:rule="self.name.matches('[a-z]') && !self.name.contains('--')",message="a listener's name has a letter and no two dashes in a row, because ports of the pod and its Services are named after it"
// +kubebuilder:validation:XValidation:rule="self.protocol in ['WS', 'WSS'] || !has(self.path) && !has(self.origins)",message="path and origins are for WS and WSS only"
// +kubebuilder:validation:XValidation:rule="self.name != 'pods' || !has(self.service)",message="a listener named pods can't have a Service: its name is taken by that of the pods"
// +kubebuilder:validation:XValidation:rule="self.protocol in ['MQTTS', 'WSS'] || !has(self.tls)",message="tls is for MQTTS and WSS only"
// +kubebuilder:validation:XValidation:rule="!has(self.route) || self.route.kind != 'TLSRoute' || self.protocol in ['MQTTS', 'WSS'] && has(self.route.hostnames) && size(self.route.hostnames) > 0",message="a TLSRoute needs hostnames, and is for MQTTS and WSS only"
// +kubebuilder:validation:XValidation:rule="!has(self.route) || self.route.kind != 'TCPRoute' || !has(self.route.hostnames)",message="a TCPRoute has no hostnames: the Gateway's port tells where to"
type ListenerSpec struct {
	config.ListenerSettings `json:",inline"`
	// TLS is what this MQTTS or WSS listener does otherwise than spec.tls says. A change restarts the pod. Default:
	// nothing.
	// +optional
	TLS *ListenerTLS `json:"tls,omitempty"`
	// Service gives the listener a Service of its own, named after Broker and listener, beside the one for all. A
	// change is live. Default: none.
	// +optional
	Service *ListenerService `json:"service,omitempty"`
	// Route brings the listener to Gateways of the Gateway API, by a TLSRoute or TCPRoute named after Broker and listener; the
	// condition Routed says whether they have accepted it. Where the cluster has no such kind, it says that, and the route
	// follows within minutes of its installation. A change is live. Default: none.
	// +optional
	Route *ListenerRoute `json:"route,omitempty"`
}

// ListenerRoute is a listener's way through Gateways, which pass the traffic on to its Service as it comes: TLS ends at the broker.
type ListenerRoute struct {
	// Kind is TLSRoute, by which a Gateway tells listeners on one port apart by the host name that clients ask for (SNI), or
	// TCPRoute, which has a port of the Gateway to itself.
	// +kubebuilder:validation:Enum=TLSRoute;TCPRoute
	Kind string `json:"kind"`
	// ParentRefs are the Gateways.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	ParentRefs []RouteParent `json:"parentRefs"`
	// Hostnames are what clients of a TLSRoute ask for. A certificate that is issued is for them, too.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +listType=set
	// +optional
	Hostnames []string `json:"hostnames,omitempty"`
}

// RouteParent is a Gateway.
type RouteParent struct {
	// Name of the Gateway.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Namespace of the Gateway, whose listener must allow routes of the Broker's. Default: the Broker's own.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// SectionName is one of the Gateway's listeners. Default: all that take such routes.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	SectionName string `json:"sectionName,omitempty"`
	// Port is that of the Gateway's listeners. Default: any.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
}

// ListenerTLS is what a listener does otherwise than spec.tls says.
type ListenerTLS struct {
	// SecretName is a kubernetes.io/tls Secret in the Broker's namespace with the certificate of this listener. What is new in it is
	// checked, and served live. Default: the certificate of spec.tls.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	// +optional
	SecretName string `json:"secretName,omitempty"`
	// ClientAuth says whether clients of this listener are asked for a certificate: None, Request or Require, by the CAs
	// and revocation lists of spec.tls. Default: spec.tls.clientAuth.
	// +optional
	ClientAuth config.ClientAuth `json:"clientAuth,omitempty"`
	// MinVersion is the oldest TLS version that this listener accepts. Default: spec.tls.minVersion.
	// +optional
	MinVersion config.TLSVersion `json:"minVersion,omitempty"`
}

// ServiceSpec shapes the Service for all listeners.
type ServiceSpec struct {
	// Enabled says whether there is one. Without it, clients in the cluster are told the listener's own Service,
	// or the pods' names.
	// +kubebuilder:default=true
	// +optional
	Enabled *bool `json:"enabled,omitempty"`

	ServiceSettings `json:",inline"`
}

// ListenerService shapes a listener's own Service.
//
// +kubebuilder:validation:XValidation:rule="has(self.type) && self.type != 'ClusterIP' || !has(self.nodePort)",message="nodePort is for types NodePort and LoadBalancer"
type ListenerService struct {
	// Port is the Service's port. Default: the listener's.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// NodePort is the port on every node, for types NodePort and LoadBalancer. Default: Kubernetes chooses one.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	NodePort int32 `json:"nodePort,omitempty"`

	ServiceSettings `json:",inline"`
}

// ServiceSettings is what all Services for clients have in common.
//
// +kubebuilder:validation:XValidation:rule="has(self.type) && self.type == 'LoadBalancer' || !has(self.loadBalancerClass) && !has(self.loadBalancerSourceRanges)",message="loadBalancerClass and loadBalancerSourceRanges are for type LoadBalancer"
// +kubebuilder:validation:XValidation:rule="has(self.type) && self.type != 'ClusterIP' || !has(self.externalTrafficPolicy)",message="externalTrafficPolicy is for types NodePort and LoadBalancer"
type ServiceSettings struct {
	// Type is the kind of Service.
	// +kubebuilder:validation:Enum=ClusterIP;NodePort;LoadBalancer
	// +kubebuilder:default=ClusterIP
	// +optional
	Type corev1.ServiceType `json:"type,omitempty"`
	// Annotations are set on the Service.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// LoadBalancerClass says which load balancer serves a LoadBalancer. Kubernetes lets nobody change it: to do so,
	// delete the Service. Default: the cluster's default.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	LoadBalancerClass *string `json:"loadBalancerClass,omitempty"`
	// LoadBalancerSourceRanges are the networks that a load balancer lets in, such as 192.0.2.0/24. Default: all.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=43
	// +listType=set
	// +optional
	LoadBalancerSourceRanges []string `json:"loadBalancerSourceRanges,omitempty"`
	// ExternalTrafficPolicy says whether traffic from outside may pass through nodes without a broker pod (Cluster) or
	// not (Local), which keeps the clients' addresses. Default: Cluster.
	// +kubebuilder:validation:Enum=Cluster;Local
	// +optional
	ExternalTrafficPolicy corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
}

// ListenerStatus is where a listener is reached.
type ListenerStatus struct {
	// Name of the listener.
	Name string `json:"name"`
	// Address is host:port within the cluster.
	Address string `json:"address"`
	// External are host:port outside of the cluster, where a load balancer has said so.
	// +listType=atomic
	// +optional
	External []string `json:"external,omitempty"`
}
