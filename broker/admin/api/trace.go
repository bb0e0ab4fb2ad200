package api

import "time"

// Event is one of the stream GET /v1/trace?client=&user=&topic=&payload=true (JSON, one a line): a packet to or from a
// client that fits all that is given; topic is a filter, and then only packets with a topic do. The stream ends
// when the caller goes. Where the caller is too slow, events are left out, and Missed says how many before this one.
type Event struct {
	Time      time.Time `json:"time"`
	Direction string    `json:"direction"` // In: from the client; Out: to it
	Client    string    `json:"client"`
	User      string    `json:"user,omitempty"`
	Packet    string    `json:"packet"` // its type, as the standard writes it
	PacketID  int       `json:"packetId,omitempty"`
	Topic     string    `json:"topic,omitempty"`
	Filters   []string  `json:"filters,omitempty"`
	QoS       int       `json:"qos,omitempty"`
	Retain    bool      `json:"retain,omitempty"`
	Dup       bool      `json:"dup,omitempty"`
	// Reason is the reason code's name of an acknowledgement or DISCONNECT, and ReasonString what it says.
	Reason       string `json:"reason,omitempty"`
	ReasonString string `json:"reasonString,omitempty"`
	Size         int    `json:"size"`              // of the packet
	Payload      []byte `json:"payload,omitempty"` // at most its first 1024 bytes, if asked for
	Missed       uint64 `json:"missed,omitempty"`
}
