package config

// Config is the whole of the broker's configuration file. The zero value of each field means its
// default, which Defaulted fills in and docs/configuration.md lists.
type Config struct {
	// Listeners accept MQTT clients. None: one plain listener on 127.0.0.1:1883.
	Listeners []Listener `json:"listeners,omitempty"`
	// Authentication says who may connect.
	Authentication Authentication `json:"authentication,omitempty"`
	// Authorization says what they may do.
	Authorization Authorization `json:"authorization,omitempty"`
	// AuthFiles are the users and access rules; they are watched and reloaded live.
	AuthFiles AuthFiles `json:"authFiles,omitempty"`
	// MQTT bounds what the protocol may ask of the broker.
	MQTT MQTT `json:"mqtt,omitempty"`
	// Limits bounds connections and traffic.
	Limits Limits `json:"limits,omitempty"`
	// Drain is how clients are sent away when the broker stops.
	Drain Drain `json:"drain,omitempty,omitzero"`
	// Store is where sessions and retained messages live.
	Store Store `json:"store,omitempty"`
	// Admin is the health and administration endpoint.
	Admin Admin `json:"admin,omitempty"`
	// Log is what the broker writes to standard error.
	Log Log `json:"log,omitempty"`
	// Audit is the log of who came and what was denied.
	Audit Audit `json:"audit,omitempty"`
	// Tracing tells an OpenTelemetry collector of messages that are traced.
	Tracing Tracing `json:"tracing,omitempty,omitzero"`
}

// Drain is how a broker that stops sends its clients away: it is not ready and accepts nobody from the
// first moment on, and tells those who are connected one after the other (MQTT 5: 0x8B, or 0x9C with
// mqtt.serverReference), so that they do not all come back at once. Sessions are kept.
type Drain struct {
	// DisconnectsPerSecond is how many clients are disconnected a second, a tenth of it at once. Those whose turn
	// has not come are served meanwhile. 0: all at once.
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	DisconnectsPerSecond *int32 `json:"disconnectsPerSecond,omitempty"`
	// TimeoutSeconds is how long that may take; then all that are left are disconnected.
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	// +optional
	TimeoutSeconds int32 `json:"timeoutSeconds,omitempty"`
}

// Store is where what must survive a restart is kept.
type Store struct {
	// Dir is the folder of the durable store. Empty: in memory, lost when the broker stops.
	Dir string `json:"dir,omitempty"`
	// MaxBytes bounds what the store takes of the disk; what needs more is refused as if the disk
	// were full. 0: as much as there is. A change is live. On Kubernetes nine tenths of persistence.size.
	// +kubebuilder:validation:Minimum=0
	MaxBytes int64 `json:"maxBytes,omitempty"`

	Durability `json:",inline"`
}

// SyncMode is what an acknowledgement promises.
// +kubebuilder:validation:Enum=Always;Interval;Memory
type SyncMode string

// The sync modes.
const (
	SyncAlways   SyncMode = "Always"
	SyncInterval SyncMode = "Interval"
	SyncMemory   SyncMode = "Memory"
)

// Durability is how sure what was acknowledged is: docs/durability.md.
type Durability struct {
	// Sync says what is acknowledged. Always: what the disk has (fsync, shared by all connections).
	// Interval: what the operating system has; it is on the disk within syncIntervalMilliseconds, so
	// that a killed broker loses nothing and a power cut at most that. Memory: nothing is kept, and
	// the volume is not used.
	// +kubebuilder:default=Always
	// +optional
	Sync SyncMode `json:"sync,omitempty"`
	// SyncIntervalMilliseconds is the longest that something acknowledged may wait for the disk when
	// sync is Interval.
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=60000
	// +optional
	SyncIntervalMilliseconds int32 `json:"syncIntervalMilliseconds,omitempty"`
}

// Admin configures the two endpoints beside MQTT.
type Admin struct {
	// HealthAddress is host:port of plain HTTP /healthz and /readyz. Empty: not served.
	HealthAddress string `json:"healthAddress,omitempty"`
	// Address is host:port of the admin API over TLS. Empty: not served.
	Address string `json:"address,omitempty"`
	// CertFile and KeyFile are the admin API's certificate (PEM), reloaded when they change.
	CertFile string `json:"certFile,omitempty"`
	KeyFile  string `json:"keyFile,omitempty"`
	// ClientKeyPins are the clients that may call the admin API by the key of their certificate, with the
	// role Write: hex SHA-256 of its SubjectPublicKeyInfo.
	ClientKeyPins []string `json:"clientKeyPins,omitempty"`
	// TokensFile has the tokens by which the admin API may be called, a NAME:ROLE:SHA256 a line: ROLE is
	// Read or Write, SHA256 is of the token, in hexadecimal. It is reloaded when it changes; one that
	// cannot be used leaves the former tokens in force. Empty: there are none.
	TokensFile string `json:"tokensFile,omitempty"`

	AdminUsers `json:",inline"`
}

// AdminUsers says which users may call the admin API, by their name and password.
type AdminUsers struct {
	// ReadGroup is the group of the users who may see everything in the admin API and change nothing.
	// Empty: none may.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	ReadGroup string `json:"readGroup,omitempty"`
	// WriteGroup is the group of the users who may do everything in the admin API: disconnect clients,
	// clear retained messages, take backups and restore them. Empty: none may.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	WriteGroup string `json:"writeGroup,omitempty"`
}

// LogLevel is how much the broker says.
// +kubebuilder:validation:Enum=Debug;Info;Warn;Error
type LogLevel string

// The log levels.
const (
	LogDebug LogLevel = "Debug"
	LogInfo  LogLevel = "Info"
	LogWarn  LogLevel = "Warn"
	LogError LogLevel = "Error"
)

// LogFormat is how a log line looks.
// +kubebuilder:validation:Enum=Text;JSON
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "Text"
	LogJSON LogFormat = "JSON"
)

// Log configures the broker's log.
type Log struct {
	// Level is the least severe level that is written.
	// +kubebuilder:default=Info
	// +optional
	Level LogLevel `json:"level,omitempty"`
	// Format is Text (key=value) or JSON, one object a line.
	// +kubebuilder:default=JSON
	// +optional
	Format LogFormat `json:"format,omitempty"`
}
