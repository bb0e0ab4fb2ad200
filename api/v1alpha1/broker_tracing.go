package v1alpha1

import "github.com/dunlin-mqtt/dunlin/broker/config"

// Tracing is where the broker sends spans, and what that collector asks for.
// +kubebuilder:validation:XValidation:rule="!has(self.caSecretName) || has(self.endpoint) && self.endpoint.startsWith('https://')",message="caSecretName needs an endpoint that begins with https://"
type Tracing struct {
	config.TracingSettings `json:",inline"`
	// HeadersSecretName is a Secret in the Broker's namespace whose key headers has the headers of each request to the collector, such
	// as its credentials, a NAME: VALUE a line. A change of it is live; until it is there spans are left out, and the log says so.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	HeadersSecretName string `json:"headersSecretName,omitempty"`
	// CASecretName is a Secret in the Broker's namespace whose ca.crt has the CAs that the certificate of an https:// endpoint is
	// verified by. A change of it is live; until it is there spans are left out, and the log says so. Default: those of the
	// broker's image, which has none.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	CASecretName string `json:"caSecretName,omitempty"`
}
