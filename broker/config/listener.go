package config

// Protocol is what a listener speaks.
// +kubebuilder:validation:Enum=MQTT;MQTTS
type Protocol string

// The protocols.
const (
	ProtocolMQTT  Protocol = "MQTT"  // MQTT over TCP
	ProtocolMQTTS Protocol = "MQTTS" // MQTT over TLS
)

// TLSVersion is a minimum TLS version.
// +kubebuilder:validation:Enum="1.2";"1.3"
type TLSVersion string

// The TLS versions that the broker speaks.
const (
	TLS12 TLSVersion = "1.2"
	TLS13 TLSVersion = "1.3"
)

// ListenerSettings is what a listener has in common in the broker's file and in the Broker object.
type ListenerSettings struct {
	// Name identifies the listener in logs, metrics and status: a DNS label.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=15
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// Protocol is MQTT (plain TCP) or MQTTS (TLS).
	// +kubebuilder:default=MQTTS
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`
	// Port is the TCP port.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port"`
	// MaxConnections bounds how many clients are connected through this listener at once; a
	// further one is closed at once. 0: no bound.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxConnections int32 `json:"maxConnections,omitempty"`
}

// Listener is one address on which the broker accepts clients.
type Listener struct {
	ListenerSettings `json:",inline"`
	// Host is the address to bind. Empty: all addresses.
	Host string `json:"host,omitempty"`
	// TLS is the listener's certificate; it must be set for MQTTS and unset for MQTT.
	TLS *ListenerTLS `json:"tls,omitempty"`
}

// ListenerTLS is a listener's certificate, reloaded when the files change without dropping a connection.
type ListenerTLS struct {
	// CertFile is the certificate and its chain (PEM).
	CertFile string `json:"certFile"`
	// KeyFile is the private key (PEM).
	KeyFile string `json:"keyFile"`
	// MinVersion is the oldest TLS version accepted. Empty: 1.2.
	MinVersion TLSVersion `json:"minVersion,omitempty"`
}
