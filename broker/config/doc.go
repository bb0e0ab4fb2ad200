// Package config is the one source of the broker's settings: their names, defaults and validation.
//
// The broker loads a File strictly (an unknown field is an error that names field and line); the
// Kubernetes API embeds the same structs, so that operator and broker cannot drift; the operator's
// render package fills them. It knows nothing of Kubernetes, opens no socket and starts nothing.
//
// +kubebuilder:object:generate=true
package config
