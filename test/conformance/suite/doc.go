// Package suite runs the conformance tests: it accounts for each normative statement of a version of MQTT, runs the test
// of those that have one against a broker over TCP, as a subtest named by the statement's id, and keeps the results.
//
// The broker is Dunlin, built from here and started, unless flags name another (-broker mosquitto) or say where one
// runs already (-addr). It knows the broker by what it answers alone. Its users are the packages v311 and v5; the tests
// that both share are in package check.
package suite
