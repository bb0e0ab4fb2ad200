package server

import "github.com/dunlin-mqtt/dunlin/broker/packet"

// maxText is the largest string of a property, in bytes. MQTT 5 §1.5.4.
const maxText = 65535

// farewell is what clients are told when the broker shuts down, and those that connect meanwhile.
// MQTT 5 §4.11.
func (s *Server) farewell() *packet.Error {
	if s.cfg.MQTT.ServerReference != "" {
		return &packet.Error{Reason: packet.UseAnotherServer, Clause: "MQTT 5 §4.11", Detail: "the broker is shutting down, another serves meanwhile"}
	}
	return &packet.Error{Reason: packet.ServerShuttingDown, Clause: "MQTT 5 §4.13.1", Detail: "the broker is shutting down"}
}

// serverReference is the broker that a client is sent to with a reason; "": none.
func (c *conn) serverReference(reason packet.ReasonCode) string {
	if reason != packet.UseAnotherServer {
		return ""
	}
	return c.srv.cfg.MQTT.ServerReference
}

// responseInformation is where the answers to the client's requests are to go; "": it is not told.
// MQTT 5 §3.2.2.3.15.
func (c *conn) responseInformation() string {
	prefix := c.identity.Expand(c.srv.cfg.MQTT.ResponseTopicPrefix)
	if len(prefix) > maxText {
		return ""
	}
	return prefix
}
