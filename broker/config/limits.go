package config

// Limits bounds how many clients there are, how often they come and how much they publish. 0: no
// bound, which is the default of them all: docs/limits.md says why, and what a client sees beyond each.
type Limits struct {
	// MaxConnections bounds the connections of all listeners together.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxConnections int32 `json:"maxConnections,omitempty"`
	// MaxConnectionsPerUser bounds the connections of each user; anonymous clients are not counted.
	// A client that takes its own session over needs no room of its own.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxConnectionsPerUser int32 `json:"maxConnectionsPerUser,omitempty"`
	// MaxConnectionsPerAddress bounds the connections from each IPv4 address or IPv6 /64. Behind a
	// load balancer that does not send the PROXY protocol all clients have one address.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxConnectionsPerAddress int32 `json:"maxConnectionsPerAddress,omitempty"`
	// ConnectionsPerSecond bounds how many connections are accepted a second, in bursts of as many.
	// +kubebuilder:validation:Minimum=0
	// +optional
	ConnectionsPerSecond int32 `json:"connectionsPerSecond,omitempty"`
	// ConnectionsPerSecondPerAddress is the same for each IPv4 address or IPv6 /64.
	// +kubebuilder:validation:Minimum=0
	// +optional
	ConnectionsPerSecondPerAddress int32 `json:"connectionsPerSecondPerAddress,omitempty"`
	// PublishMessagesPerSecond bounds what each client publishes, in bursts of as many: a client
	// that is faster is not read from for a while.
	// +kubebuilder:validation:Minimum=0
	// +optional
	PublishMessagesPerSecond int32 `json:"publishMessagesPerSecond,omitempty"`
	// PublishBytesPerSecond is the same for the bytes of its PUBLISH packets. A single one may be larger:
	// the client then waits as long as that takes at this rate, a minute at most.
	// +kubebuilder:validation:Minimum=0
	// +optional
	PublishBytesPerSecond int64 `json:"publishBytesPerSecond,omitempty"`
	// Flapping bans a client identifier of a user that connects too often.
	// +optional
	Flapping Ban `json:"flapping,omitempty"`
	// FailedAuthentications bans an IPv4 address or IPv6 /64 that gives too many wrong passwords.
	// +optional
	FailedAuthentications Ban `json:"failedAuthentications,omitempty"`
}

// Ban says when somebody is not let in for a while.
type Ban struct {
	// Attempts is how many are let pass within windowSeconds; one more, and the ban begins. 0: there is none.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Attempts int32 `json:"attempts,omitempty"`
	// WindowSeconds is the time in which attempts are counted. It begins with the first of them.
	// +kubebuilder:default=60
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	// +optional
	WindowSeconds int32 `json:"windowSeconds,omitempty"`
	// BanSeconds is how long a ban lasts.
	// +kubebuilder:default=300
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=604800
	// +optional
	BanSeconds int32 `json:"banSeconds,omitempty"`
}

// UserLimits are one user's own in place of those of the broker. Unset: the broker's; 0: no bound.
type UserLimits struct {
	// MaxConnections is in place of maxConnectionsPerUser. Connections that are open stay open.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxConnections *int32 `json:"maxConnections,omitempty"`
	// PublishMessagesPerSecond is for each client of the user, from its next message on.
	// +kubebuilder:validation:Minimum=0
	// +optional
	PublishMessagesPerSecond *int32 `json:"publishMessagesPerSecond,omitempty"`
	// PublishBytesPerSecond is for each client of the user, from its next message on.
	// +kubebuilder:validation:Minimum=0
	// +optional
	PublishBytesPerSecond *int64 `json:"publishBytesPerSecond,omitempty"`
}
