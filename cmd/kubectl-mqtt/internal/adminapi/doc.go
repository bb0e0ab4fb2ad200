// Package adminapi calls the admin API of one broker, by the vocabulary of package broker/admin/api: a method for each
// question, streams that end when they stand still, and errors that say what the broker said.
//
// It decides nothing and prints nothing, and does not know where a broker is: packages cluster and local make a Target. The
// commands and package transfer call it.
package adminapi
