// Package v1alpha1 is the API of Dunlin: Broker, User and ACL. The comments here are the user's
// reference (docs/api.md is generated from them); the settings that the broker itself reads are
// embedded from broker/config, so that the two cannot drift.
//
// +kubebuilder:object:generate=true
// +groupName=mqtt.dunlin.dev
package v1alpha1
