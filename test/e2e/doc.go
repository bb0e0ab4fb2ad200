// Package e2e is what a user does with Dunlin on a real Kubernetes: the chart installed, objects
// applied with kubectl, and Mosquitto's clients in a pod that reach the broker through its Service
// over TLS. `make e2e` runs it; the tests are behind the build tag e2e because they need a cluster.
package e2e
