// Package mqtttest is the client of black-box tests of a broker: package client, which says exactly the packets that it is told to,
// and a test that fails if the wrong one comes back or none in time. It starts no goroutine and answers nothing by itself. Only
// tests import it: those of the broker, and the conformance suite.
package mqtttest
