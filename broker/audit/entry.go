package audit

import (
	"log/slog"
	"strings"
)

// Event is what an Entry is about.
type Event string

// The events.
const (
	Connected    Event = "connected"    // a client was let in
	Disconnected Event = "disconnected" // its connection ended
	Refused      Event = "refused"      // it was not let in
	Denied       Event = "denied"       // access rules did not let it do something
	Audited      Event = "audited"      // they would not have, were they enforced
	Admin        Event = "admin"        // the admin API was called
	leftOut      Event = "left_out"     // entries were, in the minute before
)

// Entry is one thing that happened. What is empty is not written.
type Entry struct {
	Event Event
	// Key is whom the entry counts for, when it is decided whether there are too many.
	Key string

	ClientID, Username, Listener, Peer, Protocol string
	// Certificate is the subject of the client's certificate.
	Certificate string
	// Action and Topic are what was denied: publish, subscribe or will; what is Audited may also be receive.
	Action, Topic string
	// Code and Reason are why: the reason code as the standard writes it, and a sentence.
	Code, Reason string
	// Caller, Role, Call and Status are the admin API's.
	Caller, Role, Call string
	Status             int
	// Seconds is how long a connection was open.
	Seconds int64
}

// attrs are what there is to write.
func (e *Entry) attrs() []slog.Attr {
	attrs := make([]slog.Attr, 0, 12)
	for _, a := range []struct{ key, value string }{
		{"client_id", e.ClientID}, {"username", e.Username}, {"listener", e.Listener}, {"peer", e.Peer}, {"protocol", e.Protocol},
		{"certificate", e.Certificate}, {"action", e.Action}, {"topic", e.Topic}, {"code", e.Code}, {"reason", e.Reason}, {"caller", e.Caller}, {"role", e.Role}, {"call", e.Call},
	} {
		if a.value != "" {
			attrs = append(attrs, slog.String(a.key, clip(a.value)))
		}
	}
	if e.Status != 0 {
		attrs = append(attrs, slog.Int("status", e.Status))
	}
	if e.Event == Disconnected {
		attrs = append(attrs, slog.Int64("seconds", e.Seconds))
	}
	return attrs
}

// maxText bounds what of one field is written, in bytes: a client identifier may have 65,535.
const maxText = 512

func clip(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "..."
}
