package packet

// Error is a packet that breaks the protocol.
type Error struct {
	Reason ReasonCode // what to tell an MQTT 5 peer in CONNACK or DISCONNECT
	// Clause is the rule broken: "MQTT-3.1.2-3" is a normative statement of MQTT 5,
	// "MQTT-3.1.2-22 of 3.1.1" one that only 3.1.1 has, "MQTT 5 §2.2.2.2" a section.
	Clause string
	Detail string // what and where, for a log line; holds no payload and no secret
}

// Error is the detail followed by the clause.
func (e *Error) Error() string { return e.Detail + " [" + e.Clause + "]" }

// The clauses that more than one packet type obeys.
const (
	clauseTruncated  = "MQTT 5 §4.13.1"
	clauseTrailing   = "MQTT 5 §2.1.4"
	clauseUTF8       = "MQTT-1.5.4-1"
	clauseNull       = "MQTT-1.5.4-2"
	clauseVarint     = "MQTT-1.5.5-1"
	clauseProperty   = "MQTT 5 §2.2.2.2"
	clausePacketID   = "MQTT-2.2.1-3"
	clauseTopicEmpty = "MQTT-4.7.3-1"
)

// malformed is a packet that cannot be parsed.
func malformed(clause, detail string) *Error {
	return &Error{Reason: MalformedPacket, Clause: clause, Detail: detail}
}

// violation is a packet that can be parsed and says what the protocol forbids.
func violation(clause, detail string) *Error {
	return &Error{Reason: ProtocolError, Clause: clause, Detail: detail}
}
