package v1alpha1

import (
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// BrokerTLS says where the server certificate comes from, and what is asked of clients.
//
// +kubebuilder:validation:XValidation:rule="!has(self.clientCASecretName) || has(self.clientAuth) && self.clientAuth != 'None'",message="clientCASecretName needs clientAuth Request or Require"
// +kubebuilder:validation:XValidation:rule="!has(self.clientCRLSecretName) || has(self.clientCASecretName)",message="clientCRLSecretName needs clientCASecretName"
// +kubebuilder:validation:XValidation:rule="!has(self.issuerRef) || !has(self.secretName) || size(self.secretName) == 0",message="set at most one of secretName and issuerRef"
// +kubebuilder:validation:XValidation:rule="!has(self.issuerRef) || !has(self.issuerRef.serviceNames) || self.issuerRef.serviceNames || has(self.dnsNames) && size(self.dnsNames) > 0",message="issuerRef.serviceNames false needs dnsNames: the certificate would be for no name"
type BrokerTLS struct {
	// SecretName is a kubernetes.io/tls Secret in the Broker's namespace with tls.crt, tls.key and,
	// for the clients' sake, ca.crt. Default: a certificate issued by a CA of the Broker's own.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	SecretName string `json:"secretName,omitempty"`
	// IssuerRef has cert-manager issue the server certificate: the operator keeps a Certificate (cert-manager.io/v1) named
	// NAME-server, takes what comes into its Secret NAME-issued-tls as it takes the one of secretName, and serves it live.
	// Where the cluster has no cert-manager, CertificatesReady says so, and what was served before stays. Default: none.
	// +optional
	IssuerRef *IssuerRef `json:"issuerRef,omitempty"`
	// Certificates are further ones, of your own: a client that asks for a host name (SNI) gets the first that is for it, and the
	// one above, or the listener's own, if none is. What is new in their Secrets is checked, and served live; to add or remove one
	// restarts the pod.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=secretName
	// +optional
	Certificates []ServerCertificate `json:"certificates,omitempty"`
	// DNSNames are added to the names of the broker's Services in the issued certificate: DNS names in lower
	// case, such as mqtt.example.com or *.example.com, and IP addresses. A change is served live.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^((\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*|[0-9a-f:.]*:[0-9a-f:.]*)$`
	// +kubebuilder:validation:XValidation:rule="self.all(n, !n.contains(':') || isIP(n))",message="a name with a colon must be an IPv6 address"
	// +listType=set
	// +optional
	DNSNames []string `json:"dnsNames,omitempty"`
	// DurationSeconds is how long an issued server certificate is valid; it is renewed after two
	// thirds of that. At most 10 years, as the CA itself. Default: 90 days. A change is served live.
	// +kubebuilder:default=7776000
	// +kubebuilder:validation:Minimum=3600
	// +kubebuilder:validation:Maximum=315360000
	// +optional
	DurationSeconds int64 `json:"durationSeconds,omitempty"`
	// CAOverlapSeconds is how long each step takes when the Broker's own CA is replaced, which it is after
	// two thirds of its ten years, or when the annotation mqtt.dunlin.dev/rotate-ca gets a new value: for
	// so long the new CA is only trusted beside the old one, and for so long the old one is trusted after
	// everything has been issued anew. Clients have to take the new ca.crt within the first.
	// +kubebuilder:default=86400
	// +kubebuilder:validation:Minimum=60
	// +optional
	CAOverlapSeconds int64 `json:"caOverlapSeconds,omitempty"`
	// MinVersion is the oldest TLS version accepted.
	// +kubebuilder:default="1.2"
	// +optional
	MinVersion config.TLSVersion `json:"minVersion,omitempty"`
	// ClientAuth says whether MQTTS and WSS listeners ask clients for a certificate: None, Request (a
	// good one or none) or Require. Default: None.
	// +optional
	ClientAuth config.ClientAuth `json:"clientAuth,omitempty"`
	// ClientCASecretName is a Secret in the Broker's namespace whose ca.crt has the CAs that issue client
	// certificates. The pod starts once it is there. Default: the Broker's own CA, which issues those of
	// Users; certificates of it are not good where others are named here.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ClientCASecretName string `json:"clientCASecretName,omitempty"`
	// ClientCRLSecretName is a Secret in the Broker's namespace whose ca.crl has the lists of revoked client
	// certificates, in PEM, one of each CA. A change is loaded live, and ends the connections of what it
	// revokes. The pod starts once it is there. Default: none.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ClientCRLSecretName string `json:"clientCRLSecretName,omitempty"`
}

// ServerCertificate is a certificate beside the one that all listeners have.
type ServerCertificate struct {
	// SecretName is a kubernetes.io/tls Secret in the Broker's namespace with tls.crt and tls.key.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=200
	SecretName string `json:"secretName"`
}

// IssuerRef names an issuer of cert-manager's.
type IssuerRef struct {
	// Name of the issuer.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Kind is Issuer, which is in the Broker's namespace, ClusterIssuer, or that of an issuer of another project.
	// +kubebuilder:default=Issuer
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Kind string `json:"kind,omitempty"`
	// Group is the issuer's API group.
	// +kubebuilder:default="cert-manager.io"
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Group string `json:"group,omitempty"`
	// ServiceNames says whether the certificate is for the names of the broker's Services and pods, too. Public issuers refuse
	// those: with false it is for dnsNames alone, and clients in the cluster have to connect to one of them.
	// +kubebuilder:default=true
	// +optional
	ServiceNames *bool `json:"serviceNames,omitempty"`
}
