// Package cluster reaches the admin API of a Broker in a Kubernetes cluster: through a port-forward of the API server,
// with the client certificate that the operator has made for itself.
//
// It changes nothing in the cluster. What the user has to be allowed is in docs/operations.md. The commands backup and
// restore use it.
package cluster
