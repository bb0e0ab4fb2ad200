// Package v311 accounts for each normative statement of MQTT 3.1.1, and its tests hold a broker to them over TCP. A file
// is a chapter of the standard. ids.txt lists the statements; docs/conformance.md is made of what a run says.
package v311
