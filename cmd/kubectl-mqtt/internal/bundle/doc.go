// Package bundle writes a support bundle: a tar.gz of texts and objects from which secrets are removed, with a list of what
// could not be had.
//
// Secrets are removed in three ways: values that the caller names are replaced wherever they stand, private keys and password
// hashes by their form, and fields of objects by their name. It never reads a Secret. The command report calls it.
package bundle
