// Package token verifies the tokens of Kubernetes ServiceAccounts with no Kubernetes at hand: a JSON Web Token by the public
// keys of its issuer.
//
// It is pure: it reads no file, asks nobody and has no clock. So it cannot know that a pod or a ServiceAccount has been deleted
// since: its token is good until it expires. It never logs, and its errors never quote a token. Package auth calls it, and the
// operator and kubectl-mqtt to check the keys that they hand on.
package token
