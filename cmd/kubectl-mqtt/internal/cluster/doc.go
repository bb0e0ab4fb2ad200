// Package cluster reaches Brokers in a Kubernetes cluster: their objects, and through port-forwards of the API server their
// admin API and listeners, the former with the client certificate that the operator has made for itself.
//
// It changes nothing in the cluster. What the user has to be allowed is in docs/operations.md. The commands use it.
package cluster
