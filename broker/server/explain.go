package server

import (
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
)

// What clients that want to know are told of a refusal: reason strings are for the people who write them.
const (
	whyDenied    = "the access rules do not let this client publish to the topic"
	whyQueueFull = "the queue of a subscriber is full"
	whyNotStored = "the message cannot be stored"
	whyNotUTF8   = "the payload is not the UTF-8 that its Payload Format Indicator says it is"
)

// whyNot says why a filter is refused.
var whyNot = map[packet.ReasonCode]string{
	packet.NotAuthorized:                     "the access rules do not let this client subscribe to it",
	packet.TopicFilterInvalid:                "it is no topic filter, or has too many levels",
	packet.SharedSubscriptionsNotSupported:   "there are no shared subscriptions",
	packet.WildcardSubscriptionsNotSupported: "there are no subscriptions with wildcards",
	packet.QuotaExceeded:                     "the session has as many subscriptions as it may",
}

// explained appends a packet with a reason string, if the client wants those and takes a packet so
// large, or else without. [MQTT-3.1.2-29] [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.9.2-1]
func (c *conn) explained(dst []byte, why string, encode func(dst []byte, why string) []byte) []byte {
	if why != "" && c.peer.problemInfo && c.peer.version == packet.V5 {
		if with := encode(dst, why); c.fits(with[len(dst):]) {
			return with
		}
	}
	return encode(dst, "")
}

// suback is a SUBACK that says why the first of the filters that are refused is.
func (c *conn) suback(answer *packet.Suback, filters []packet.Filter) []byte {
	why, refused := "", 0
	for i, r := range answer.Reasons {
		if !r.Failed() {
			continue
		}
		if refused++; refused > 1 || !c.peer.problemInfo {
			continue
		}
		text := whyNot[r]
		if text == "" {
			text = r.String()
		}
		why = fmt.Sprintf("filter %.100q: %s", filters[i].Filter, text)
	}
	if refused > 1 && why != "" {
		why += fmt.Sprintf("; %d more are refused", refused-1)
	}
	return c.explained(nil, why, func(dst []byte, why string) []byte {
		answer.ReasonString = why
		return answer.Append(dst, c.peer.version)
	})
}

// connackOf is the CONNACK of a refusal.
func (c *conn) connackOf(e *packet.Error) []byte {
	no := packet.Connack{Reason: e.Reason}
	if e.Reason == packet.ServerShuttingDown && c.peer.version == packet.V5 {
		no.Reason = packet.ServerUnavailable // CONNACK has no other
	}
	no.Properties.ServerReference = c.serverReference(e.Reason)
	encode := func(dst []byte, why string) []byte {
		no.Properties.ReasonString = why
		return no.Append(dst, c.peer.version)
	}
	answer := c.explained(nil, e.Detail, encode) // [MQTT-3.2.2-19]
	if !c.fits(answer) {
		no.Properties.ServerReference = ""
		answer = encode(nil, "")
	}
	return answer
}

// disconnect is the DISCONNECT of an MQTT 5 connection that the broker ends.
func (c *conn) disconnect(e *packet.Error) []byte {
	d := packet.Disconnect{Reason: e.Reason, ServerReference: c.serverReference(e.Reason)}
	encode := func(dst []byte, why string) []byte {
		d.ReasonString = why
		return d.Append(dst, c.peer.version)
	}
	last := c.explained(nil, e.Detail, encode) // [MQTT-3.14.2-3]
	if !c.fits(last) {
		d.ServerReference = ""
		last = encode(nil, "")
	}
	return last
}
