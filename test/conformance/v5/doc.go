// Package v5 accounts for each normative statement of MQTT 5.0, and its tests hold a broker to them over TCP. A file is a
// chapter of the standard, or the tests of one. ids.txt lists the statements; docs/conformance.md is made of what a run says.
package v5
