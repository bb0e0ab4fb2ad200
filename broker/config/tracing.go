package config

// Tracing has the broker tell an OpenTelemetry collector of the messages that their publishers trace: each PUBLISH of MQTT 5
// with a user property traceparent that says sampled is a span, from its arrival until it is acknowledged, or, at QoS 0, handed to
// its subscribers. The property is passed on as it is. docs/operations.md says what a span has.
type Tracing struct {
	TracingSettings `json:",inline"`
	// HeadersFile has the headers that each request to the collector has, such as its credentials, a NAME: VALUE a line. It is
	// read anew for each request; while it cannot be used, spans are left out. Empty: there are none.
	HeadersFile string `json:"headersFile,omitempty"`
	// CAFile has the CAs, in PEM, that the collector's certificate is verified by. It is read as HeadersFile is. Empty: the system's.
	CAFile string `json:"caFile,omitempty"`
}

// TracingSettings is what of Tracing the broker's file and the Broker object have in common.
type TracingSettings struct {
	// Endpoint is the URL that takes OTLP by HTTP in JSON, such as http://otel-collector.monitoring:4318/v1/traces.
	// Empty: nothing is traced.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^https?://[^/?#@]+(/[!-"$-~]*)?$`
	// +optional
	Endpoint string `json:"endpoint,omitempty"`
	// MaxSpansPerSecond bounds the spans; those beyond are left out, and the log says how many.
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100000
	// +optional
	MaxSpansPerSecond int32 `json:"maxSpansPerSecond,omitempty"`
}
