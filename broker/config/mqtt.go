package config

// QueuePolicy is what happens when a session's queue is full.
// +kubebuilder:validation:Enum=DropOldest;DropNewest;Refuse
type QueuePolicy string

// The queue policies.
const (
	DropOldest QueuePolicy = "DropOldest"
	DropNewest QueuePolicy = "DropNewest"
	Refuse     QueuePolicy = "Refuse"
)

// MQTT bounds what the protocol may ask of the broker. Every bound is told to MQTT 5 clients in CONNACK.
type MQTT struct {
	// MaxPacketSizeBytes is the largest packet accepted from a client (0x95 beyond it).
	// +kubebuilder:default=1048576
	// +kubebuilder:validation:Minimum=1024
	// +kubebuilder:validation:Maximum=268435460
	// +optional
	MaxPacketSizeBytes int32 `json:"maxPacketSizeBytes,omitempty"`
	// ReceiveMaximum is how many QoS 1 and 2 PUBLISHes of one client may await their acknowledgement.
	// +kubebuilder:default=1024
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	ReceiveMaximum int32 `json:"receiveMaximum,omitempty"`
	// MaxInflight is how many QoS 1 and 2 messages are sent to one client before it acknowledges;
	// an MQTT 5 client may ask for less by its Receive Maximum.
	// +kubebuilder:default=1024
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	MaxInflight int32 `json:"maxInflight,omitempty"`
	// TopicAliasMaximum is how many topic aliases (MQTT 5) one connection may have, and as many again
	// for the messages that it is sent, if its client takes that many. Each alias holds a topic in
	// memory. 0: none.
	// +kubebuilder:default=32
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	// +optional
	TopicAliasMaximum *int32 `json:"topicAliasMaximum,omitempty"`
	// SessionExpiryMaxSeconds is how long a session outlives its connection at most; it is also
	// the expiry of an MQTT 3.1.1 session with Clean Session 0. Default: 30 days.
	// +kubebuilder:default=2592000
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4294967295
	// +optional
	SessionExpiryMaxSeconds int64 `json:"sessionExpiryMaxSeconds,omitempty"`
	// KeepAliveMaxSeconds is the longest keep alive granted; a client that asks for more, or for
	// none, is told this one (MQTT 5) or held to it. 0: as the client asks.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=65535
	// +optional
	KeepAliveMaxSeconds int32 `json:"keepAliveMaxSeconds,omitempty"`
	// MaxQoS is the highest QoS that clients may publish with; subscriptions are granted at most this.
	// +kubebuilder:default=2
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2
	// +optional
	MaxQoS *int32 `json:"maxQoS,omitempty"`
	// RetainAvailable says whether messages may be retained.
	// +kubebuilder:default=true
	// +optional
	RetainAvailable *bool `json:"retainAvailable,omitempty"`
	// WildcardSubscriptionAvailable says whether filters may have wildcards.
	// +kubebuilder:default=true
	// +optional
	WildcardSubscriptionAvailable *bool `json:"wildcardSubscriptionAvailable,omitempty"`
	// SharedSubscriptionAvailable says whether clients may share a subscription ($share/NAME/FILTER):
	// each message goes to one of them.
	// +kubebuilder:default=true
	// +optional
	SharedSubscriptionAvailable *bool `json:"sharedSubscriptionAvailable,omitempty"`
	// MaxTopicLevels bounds the levels of topic names and filters.
	// +kubebuilder:default=128
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	MaxTopicLevels int32 `json:"maxTopicLevels,omitempty"`
	// MaxTopicLengthBytes bounds the length of topic names and filters.
	// +kubebuilder:default=65535
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	MaxTopicLengthBytes int32 `json:"maxTopicLengthBytes,omitempty"`
	// MaxFiltersPerSubscribe bounds the filters of one SUBSCRIBE; each one beyond it is refused (0x97).
	// +kubebuilder:default=10000
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxFiltersPerSubscribe int32 `json:"maxFiltersPerSubscribe,omitempty"`
	// MaxUserProperties bounds the user properties of one packet (0x97 beyond it), in CONNECT those
	// of the will among them.
	// +kubebuilder:default=1000
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxUserProperties int32 `json:"maxUserProperties,omitempty"`
	// MaxSubscriptionsPerSession bounds the filters that one session holds (0x97 beyond it).
	// +kubebuilder:default=10000
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxSubscriptionsPerSession int32 `json:"maxSubscriptionsPerSession,omitempty"`
	// MaxQueuedMessages bounds the QoS 1 and 2 messages that wait for one session.
	// +kubebuilder:default=100000
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxQueuedMessages int32 `json:"maxQueuedMessages,omitempty"`
	// MaxQueuedBytes bounds the bytes (topic, properties, payload) that wait for one session.
	// +kubebuilder:default=67108864
	// +kubebuilder:validation:Minimum=1024
	// +optional
	MaxQueuedBytes int64 `json:"maxQueuedBytes,omitempty"`
	// MaxQueuedBytesTotal bounds the bytes that wait for all sessions together. A session that
	// would take more has queuePolicy applied to its own queue.
	// +kubebuilder:default=4294967296
	// +kubebuilder:validation:Minimum=1024
	// +optional
	MaxQueuedBytesTotal int64 `json:"maxQueuedBytesTotal,omitempty"`
	// QueuePolicy says what happens when a queue is full: the oldest waiting message or the new one
	// is dropped and counted, or the new one is refused: nobody gets it and its publisher is told so
	// (MQTT 5: 0x97; 3.1.1 has no such answer: its connection is closed, and it has to send again).
	// +kubebuilder:default=DropOldest
	// +optional
	QueuePolicy QueuePolicy `json:"queuePolicy,omitempty"`
	// MaxOutboundBytes bounds the bytes that wait for one connection's socket; beyond it QoS 0
	// messages are dropped and counted, and QoS 1 and 2 messages stay queued.
	// +kubebuilder:default=1048576
	// +kubebuilder:validation:Minimum=4096
	// +optional
	MaxOutboundBytes int32 `json:"maxOutboundBytes,omitempty"`
	// ConnectTimeoutSeconds is how long a connection may take to send its CONNECT.
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	// +optional
	ConnectTimeoutSeconds int32 `json:"connectTimeoutSeconds,omitempty"`
	// ResponseTopicPrefix is told to MQTT 5 clients that ask for Response Information: where the
	// answers to their requests are to go. ${clientid} and ${username} stand for the client's own, as in
	// an ACL; a client whose own has a /, + or # is told nothing. It allows nothing: an ACL must.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[^\x00-\x1F\x7F+#]+$`
	// +optional
	ResponseTopicPrefix string `json:"responseTopicPrefix,omitempty"`
	// ServerReference names another broker, as host:port, several with spaces between them. MQTT 5
	// clients are told to use it for the time being (0x9C) when this one shuts down, and those that
	// connect meanwhile. Empty: they are told that it shuts down (0x8B).
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^[!-~]+( [!-~]+)*$`
	// +optional
	ServerReference string `json:"serverReference,omitempty"`
	// ValidatePayloadFormat refuses (0x99) messages and wills whose Payload Format Indicator says UTF-8
	// and whose payload is not.
	// +optional
	ValidatePayloadFormat bool `json:"validatePayloadFormat,omitempty"`
	// SysTopics are the broker's own figures, as messages below $SYS/broker.
	// +optional
	SysTopics SysTopics `json:"sysTopics,omitempty,omitzero"`
}

// SysTopics says whether the broker publishes its own figures, by the names that Mosquitto gives them. They are sent to
// whoever subscribes to them and may: topics that begin with '$' need a rule that allows them.
type SysTopics struct {
	// Enabled says whether there are any.
	// +kubebuilder:default=true
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// IntervalSeconds is how often those that have changed are sent.
	// +kubebuilder:default=10
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3600
	// +optional
	IntervalSeconds int32 `json:"intervalSeconds,omitempty"`
}
