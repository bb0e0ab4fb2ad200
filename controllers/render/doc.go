// Package render turns Broker, User and ACL objects into what a broker reads: its configuration and
// its auth bundle.
//
// It is pure: no I/O, no clock, the same output for the same objects in any order. It never talks to
// Kubernetes and never makes a key or certificate (pki does). The operator's controllers call it and
// write its output to a ConfigMap and Secrets; kubectl-mqtt calls it to run, validate and print the
// same objects without a cluster.
package render
