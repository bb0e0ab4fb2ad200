// Package crd holds the CustomResourceDefinitions, generated from the types in api, for programs that
// check objects without an API server. It never talks to one. kubectl-mqtt uses it.
package crd

import "embed"

// Files are the CustomResourceDefinitions, a YAML file each.
//
//go:embed *_*.yaml
var Files embed.FS
