package api

import "time"

// TopicNode is one of the list GET /v1/topics?under=PREFIX: a level of the tree of topics that have a retained message or were
// published to since somebody began to look. The broker watches topics only while somebody asks: an answer begins a watch of a minute,
// and of at most 10,000 topics, whose names have 8 MiB.
type TopicNode struct {
	Level    string `json:"level"`    // the last level
	Topic    string `json:"topic"`    // the whole of it
	Children int    `json:"children"` // topics below it, that are known: 100 is 100 or more; 0: a leaf
	Retained bool   `json:"retained"` // it has a retained message itself
	// Messages were published to it and below it while topics were watched; PerSecond is the rate of late.
	Messages  uint64     `json:"messages"`
	PerSecond float64    `json:"perSecond"`
	Last      *time.Time `json:"last,omitempty"`
}

// Retained is one of the list GET /v1/retained?filter=FILTER, and, with its payload, the answer to GET /v1/retained/{topic...}. DELETE of that clears it.
type Retained struct {
	Topic           string         `json:"topic"`
	QoS             int            `json:"qos"`
	Size            int            `json:"size"` // of the payload
	Payload         []byte         `json:"payload,omitempty"`
	ContentType     string         `json:"contentType,omitempty"`
	ResponseTopic   string         `json:"responseTopic,omitempty"`
	CorrelationData []byte         `json:"correlationData,omitempty"`
	UserProperties  []UserProperty `json:"userProperties,omitempty"`
	ExpiresAt       *time.Time     `json:"expiresAt,omitempty"`
}

// UserProperty is one of MQTT 5's.
type UserProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
