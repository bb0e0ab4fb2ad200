// Package children says what the objects of a Broker look like: one pure function, and one file,
// for each child. A child is a server-side apply configuration that holds exactly the fields that
// the operator owns; it has no owner reference yet, the controllers' apply adds it.
//
// The package makes no decision that needs the cluster, reads no clock and does no I/O; what must
// be known from outside (an image, a pair of keys, a rendered file) is an argument. The controllers
// call it, and the golden files in testdata show every child as YAML.
package children
