package api

import "time"

// Status is the answer to GET /v1/status.
type Status struct {
	// AuthRevision is the revision of the users and access rules in force; "": none, or plain files.
	AuthRevision string `json:"authRevision"`
	// ClientTrust is config.ClientTrustSum of what client certificates are verified by, where all listeners agree; "":
	// they do not ask for any, or are just loading.
	ClientTrust string `json:"clientTrust,omitempty"`
	// ConfigRevision is the SHA-256 of the configuration file in force, in hex: what a running broker takes live of
	// it is. "": none.
	ConfigRevision string `json:"configRevision,omitempty"`
	// Version is the broker's.
	Version string `json:"version"`
	// Instance is another one each time that the broker has started, also within the same process.
	Instance string `json:"instance"`
	// NotReady says why the broker does not serve; "": it does.
	NotReady string `json:"notReady,omitempty"`
}

// Me is the answer to GET /v1/me: who the caller is to the broker.
type Me struct {
	// Name is the token's or the user's, or, of one who has a key that is pinned, key: and the beginning of its SHA-256.
	Name string `json:"name"`
	// Role is Read or Write.
	Role string `json:"role"`
}

// Overview is the answer to GET /v1/overview: all of the broker on one screen. Counters count since it started; who
// wants rates takes the difference of two answers by their Time.
type Overview struct {
	Time          time.Time `json:"time"`
	Version       string    `json:"version"`
	Instance      string    `json:"instance"`
	UptimeSeconds int64     `json:"uptimeSeconds"`

	Connections    int64 `json:"connections"`
	Sessions       int64 `json:"sessions"` // of clients that are connected and of those that are not
	Subscriptions  int64 `json:"subscriptions"`
	Retained       int64 `json:"retained"`
	QueuedMessages int64 `json:"queuedMessages"`
	QueuedBytes    int64 `json:"queuedBytes"`

	Received Traffic           `json:"received"` // from clients
	Sent     Traffic           `json:"sent"`     // to clients
	Dropped  map[string]uint64 `json:"dropped"`  // messages, by reason; each reason is there, also at 0
	Refused  map[string]uint64 `json:"refused"`  // connections, by reason
	// FailedAuthentications are CONNECTs with a wrong user name, password or certificate; Denied are PUBLISHes and SUBSCRIBEs
	// that the access rules refused.
	FailedAuthentications uint64 `json:"failedAuthentications"`
	Denied                uint64 `json:"denied"`

	MemoryBytes      int64   `json:"memoryBytes"` // of the process, resident
	MemoryLimitBytes int64   `json:"memoryLimitBytes,omitempty"`
	CPUSeconds       float64 `json:"cpuSeconds"` // of the process
	Cores            int     `json:"cores"`

	Store     *Store     `json:"store,omitempty"` // nil: everything is kept in memory only
	Listeners []Listener `json:"listeners"`
	// Problems are what is wrong now, the worst first; empty: all is well.
	Problems []Problem `json:"problems"`
}

// Traffic is what went one way.
type Traffic struct {
	Packets      uint64 `json:"packets"` // of all types
	Bytes        uint64 `json:"bytes"`   // of all packets
	Messages     uint64 `json:"messages"`
	PayloadBytes uint64 `json:"payloadBytes"`
}

// Store is the durable store.
type Store struct {
	Healthy     bool    `json:"healthy"`
	Writes      uint64  `json:"writes"`
	Records     uint64  `json:"records"`
	Syncs       uint64  `json:"syncs"`
	SyncSeconds float64 `json:"syncSeconds"` // in all syncs
	DiskBytes   uint64  `json:"diskBytes"`
	// DiskFreeBytes is how much more it may take: of what is free on the disk, and of the store's maxBytes.
	DiskFreeBytes uint64 `json:"diskFreeBytes"`
}

// Listener is one that accepts connections.
type Listener struct {
	Name        string `json:"name"`
	Protocol    string `json:"protocol"` // MQTT, MQTTS, WS or WSS
	Address     string `json:"address"`
	Path        string `json:"path,omitempty"` // of WebSockets
	Connections int64  `json:"connections"`
	// CertificateExpires is when the certificate that it serves now does; nil: it has none.
	CertificateExpires *time.Time `json:"certificateExpires,omitempty"`
}

// Problem is something that is wrong, and what to do.
type Problem struct {
	Severity string `json:"severity"` // Error or Warning
	Reason   string `json:"reason"`   // one word in PascalCase, for programs
	Message  string `json:"message"`  // what is wrong
	Remedy   string `json:"remedy"`   // what to do
}

// Error is the body of each answer with a status of 400 and above, but for those to backup and restore, which are plain text.
type Error struct {
	Error string `json:"error"`
}
