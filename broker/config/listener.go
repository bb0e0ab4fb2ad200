package config

import (
	"fmt"
	"net/netip"
)

// Protocol is what a listener speaks.
// +kubebuilder:validation:Enum=MQTT;MQTTS;WS;WSS
type Protocol string

// The protocols.
const (
	ProtocolMQTT  Protocol = "MQTT"  // MQTT over TCP or a unix socket
	ProtocolMQTTS Protocol = "MQTTS" // MQTT over TLS
	ProtocolWS    Protocol = "WS"    // MQTT over WebSocket
	ProtocolWSS   Protocol = "WSS"   // MQTT over WebSocket over TLS
)

// Secure reports whether p is spoken over TLS, as the default is.
func (p Protocol) Secure() bool { return p == ProtocolMQTTS || p == ProtocolWSS || p == "" }

// WebSocket reports whether p is spoken over WebSocket.
func (p Protocol) WebSocket() bool { return p == ProtocolWS || p == ProtocolWSS }

// DefaultPath is where a WebSocket listener that names no path is found.
const DefaultPath = "/mqtt"

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
	// Protocol is MQTT (plain TCP), MQTTS (TLS), WS (WebSocket) or WSS (WebSocket over TLS).
	// +kubebuilder:default=MQTTS
	// +optional
	Protocol Protocol `json:"protocol,omitempty"`
	// Port is the TCP port.
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port,omitempty"`
	// MaxConnections bounds how many clients are connected through this listener at once; a
	// further one is refused (0x97). 0: no bound.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxConnections int32 `json:"maxConnections,omitempty"`
	// Path is where a WS or WSS listener is found; any other is answered with 404. Default: /mqtt.
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^/[!-"$&->@-~]*$`
	// +optional
	Path string `json:"path,omitempty"`
	// Origins are the web pages whose scripts may connect to a WS or WSS listener, such as
	// https://app.example.com or http://localhost:8000; those of any other are answered with 403.
	// None: all. A client that is no web page names no origin, and is let in.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:items:Pattern=`^https?://[^/?#@]+$`
	// +listType=set
	// +optional
	Origins []string `json:"origins,omitempty"`
	// ProxyProtocol takes the client's address from a load balancer. Default: a client's address is
	// that of its connection.
	// +optional
	ProxyProtocol *ProxyProtocol `json:"proxyProtocol,omitempty"`
}

// ProxyProtocol says who is a proxy.
type ProxyProtocol struct {
	// Trusted are the networks (10.0.0.0/8) and addresses of the proxies. A connection from one of them
	// must begin with a PROXY protocol header, of version 1 or 2; one from elsewhere is served as it is,
	// and a header in it is taken for what it is not: MQTT.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=43
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F:.]+(/[0-9]{1,3})?$`
	// +listType=set
	Trusted []string `json:"trusted"`
}

// Networks are the trusted networks; the error names the one that is none.
func (p *ProxyProtocol) Networks() ([]netip.Prefix, error) {
	networks := make([]netip.Prefix, 0, len(p.Trusted))
	for _, text := range p.Trusted {
		network, err := parseNetwork(text)
		if err != nil {
			return nil, err
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// parseNetwork takes an address for the network that has it alone.
func parseNetwork(text string) (netip.Prefix, error) {
	if network, err := netip.ParsePrefix(text); err == nil {
		return network, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%.60q must be a network such as 10.0.0.0/8, or an address", text)
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}

// Listener is one address on which the broker accepts clients.
type Listener struct {
	ListenerSettings `json:",inline"`
	// Host is the address to bind. Empty: all addresses.
	Host string `json:"host,omitempty"`
	// Socket is the path of a unix socket to accept on, of protocol MQTT, instead of host and port.
	Socket string `json:"socket,omitempty"`
	// SocketMode is the socket's permissions, in octal digits. Empty: 0660.
	// +kubebuilder:validation:Pattern=`^0?[0-7]{3}$`
	SocketMode string `json:"socketMode,omitempty"`
	// TLS is the listener's certificate; it must be set for MQTTS and WSS, and unset for MQTT and WS.
	TLS *ListenerTLS `json:"tls,omitempty"`
}

// ListenerTLS is a listener's certificates, and what it asks of its clients'. All files are reloaded when they change,
// without dropping a connection but those of clients that are not let in any more.
type ListenerTLS struct {
	// CertFile is the certificate and its chain (PEM).
	CertFile string `json:"certFile"`
	// KeyFile is the private key (PEM).
	KeyFile string `json:"keyFile"`
	// MinVersion is the oldest TLS version accepted. Empty: 1.2.
	MinVersion TLSVersion `json:"minVersion,omitempty"`
	// Certificates are further ones: a client that asks for a host name (SNI) gets the first that is
	// for it, and the one above if none is.
	// +kubebuilder:validation:MaxItems=64
	Certificates []CertificateFiles `json:"certificates,omitempty"`
	// ClientAuth says whether clients are asked for a certificate. Empty: None.
	ClientAuth ClientAuth `json:"clientAuth,omitempty"`
	// ClientCAFile is the CAs that client certificates are issued by (PEM).
	ClientCAFile string `json:"clientCAFile,omitempty"`
	// CRLFiles are lists of revoked client certificates (PEM or DER), signed by those CAs. With one,
	// each CA that issues client certificates needs one.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +listType=set
	CRLFiles []string `json:"crlFiles,omitempty"`
}

// CertificateFiles is a server certificate.
type CertificateFiles struct {
	// CertFile is the certificate and its chain (PEM).
	CertFile string `json:"certFile"`
	// KeyFile is the private key (PEM).
	KeyFile string `json:"keyFile"`
}

// ClientAuth is what is asked of clients in the TLS handshake.
// +kubebuilder:validation:Enum=None;Request;Require
type ClientAuth string

// What can be asked.
const (
	ClientAuthNone    ClientAuth = "None"    // no certificate
	ClientAuthRequest ClientAuth = "Request" // one that is good, or none
	ClientAuthRequire ClientAuth = "Require" // one that is good
)

// Asks reports whether a certificate is asked for.
func (a ClientAuth) Asks() bool { return a == ClientAuthRequest || a == ClientAuthRequire }
