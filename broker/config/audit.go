package config

// Audit is the log of who connected from where, who was refused and why, what access rules denied, and who called the admin
// API: one JSON object a line, beside the broker's own log. docs/operations.md lists its fields.
type Audit struct {
	AuditSettings `json:",inline"`
	// File is appended to. Empty: standard output, where nothing else goes.
	File string `json:"file,omitempty"`
	// MaxFileBytes is how large the file may become; it is then renamed to FILE.1, in place of the one
	// before, and another begun.
	// +kubebuilder:default=104857600
	// +kubebuilder:validation:Minimum=65536
	MaxFileBytes int64 `json:"maxFileBytes,omitempty"`
}

// AuditSettings is what of the audit log the broker's file and the Broker object have in common.
type AuditSettings struct {
	// Enabled writes the audit log.
	// +optional
	Enabled bool `json:"enabled,omitempty"`
	// EntriesPerMinutePerClient bounds the entries about one client, or, while it is not known who it
	// is, about one address; those beyond are left out and counted.
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=1
	// +optional
	EntriesPerMinutePerClient int32 `json:"entriesPerMinutePerClient,omitempty"`
	// EntriesPerSecond bounds the entries about all clients together.
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=1
	// +optional
	EntriesPerSecond int32 `json:"entriesPerSecond,omitempty"`
}
