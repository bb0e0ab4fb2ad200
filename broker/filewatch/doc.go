// Package filewatch says when files have changed and reads them, through the symbolic links by which
// Kubernetes mounts Secrets and ConfigMaps.
//
// It never interprets a file, keeps no content and does not say what changed: who is told reads everything
// again. Packages auth, listener and admin call it.
package filewatch
