// Package packet is the MQTT wire codec: 3.1, 3.1.1 and 5.0, both directions.
//
// Next splits a stream into packets; each packet type has a struct with a Parse and
// an Append. Parse refuses everything malformed with an *Error that names the rule.
//
// Who owns the bytes: a parsed Publish aliases the buffer it was parsed from, and is
// valid until that buffer is written again or Parse is called again on it. Every
// other packet owns its memory. Append writes into the caller's slice and keeps
// nothing. Parsing a Publish, a plain acknowledgement or a ping, and every Append,
// allocates nothing (as long as dst has room).
//
// It never does I/O, knows no session, and decides no policy: whether a packet may
// come from a client, whether a topic filter is well formed (package topic), and how
// to answer an Error are questions for the server. Its callers are server and
// session, and the tests' clients.
package packet
