// Package controllers is the operator: it makes Brokers, Users and ACLs real.
//
//	Broker  owns every child: certificates, configuration, users and rules, pods, Services
//	User    owns one connection Secret; the Broker's pass carries it into the auth bundle
//	ACL     owns nothing; the Broker's pass carries it into the auth bundle
//
// A pass is: get, build a scope, run the phases in order, and send one status patch. Phases write
// children only through apply.go (server-side apply, one field owner, nothing sent when nothing
// would change); what the children look like is children's, render's and pki's business. Conditions
// are pure functions of the scope. There are no finalizers: owner references undo everything.
//
// It never opens an MQTT connection; the one thing that it asks of a broker pod is which revision
// of the users and ACLs it has loaded (prober.go). cmd/operator is its caller.
package controllers
