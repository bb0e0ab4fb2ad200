package api

import "time"

// Page is one page of a list. Next is the cursor of the page that follows; "": this is the last. Total is how many there
// are in all pages; -1: not counted.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
	Total int    `json:"total"`
}

// Client is one of the list GET /v1/clients, which ?search= (a part of the identifier or user name, or of the address, with a dot or a colon in it), ?user=,
// ?listener= and ?connected=true|false narrow. The list is ordered by identifier.
type Client struct {
	ID            string `json:"id"`
	User          string `json:"user,omitempty"` // "": anonymous
	Connected     bool   `json:"connected"`
	Protocol      string `json:"protocol,omitempty"` // 3.1, 3.1.1 or 5.0; "" of one that has not connected since the broker started
	Listener      string `json:"listener,omitempty"`
	Address       string `json:"address,omitempty"` // the peer's, host:port
	Subscriptions int    `json:"subscriptions"`
	Queued        int    `json:"queued"`   // messages that wait to be sent
	Inflight      int    `json:"inflight"` // messages sent and not acknowledged
	// Since is when it connected, or, of one that is away, when it left; nil: not known.
	Since *time.Time `json:"since,omitempty"`
	// Received and Sent are what went over its present connection: from it, and to it; nil: it has none.
	Received *ClientTraffic `json:"received,omitempty"`
	Sent     *ClientTraffic `json:"sent,omitempty"`
}

// ClientTraffic is what went one way over a connection since it was made. Two looks at it make a rate.
type ClientTraffic struct {
	Messages uint64 `json:"messages"` // PUBLISH packets
	Bytes    uint64 `json:"bytes"`    // of all packets, headers included; of those to it, that were handed to its socket
}

// ClientDetail is the answer to GET /v1/clients/{id}. DELETE disconnects it (0x98), and with ?session=true ends its session as well.
type ClientDetail struct {
	Client
	KeepAliveSeconds     int    `json:"keepAliveSeconds"`
	SessionExpirySeconds int64  `json:"sessionExpirySeconds"` // -1: never
	CleanStart           bool   `json:"cleanStart"`
	ReceiveMaximum       int    `json:"receiveMaximum"`
	MaximumPacketSize    int64  `json:"maximumPacketSize"` // 0: no limit of the client's
	QueuedBytes          int64  `json:"queuedBytes"`
	OutboxBytes          int64  `json:"outboxBytes"` // encoded and not taken by its socket yet
	Throttled            bool   `json:"throttled"`   // it publishes faster than it may, and is not read from
	Certificate          string `json:"certificate,omitempty"`
	Will                 *Will  `json:"will,omitempty"`
	// SubscriptionList is its subscriptions, at most 1000 of them, by filter; Subscriptions says how many there are.
	SubscriptionList []Subscription `json:"subscriptionList"`
	// ExpiresAt is when the session of one that is away ends; nil: never, or it is connected.
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
}

// Will is the message that is published if the client is lost.
type Will struct {
	Topic        string `json:"topic"`
	QoS          int    `json:"qos"`
	Retain       bool   `json:"retain"`
	DelaySeconds int64  `json:"delaySeconds"`
}

// Subscription is one of a client's.
type Subscription struct {
	Filter            string `json:"filter"` // with $share/NAME/ if it is shared
	QoS               int    `json:"qos"`
	NoLocal           bool   `json:"noLocal,omitempty"`
	RetainAsPublished bool   `json:"retainAsPublished,omitempty"`
	Identifier        int    `json:"identifier,omitempty"` // 0: none
}
