// Package check holds the tests that MQTT 3.1.1 and 5.0 share: a function a statement, or a few statements that say the
// same. What differs between the versions in an answer is asked of suite.T. It decides nothing about which statement a
// test belongs to; the registries in packages v311 and v5 do.
package check
