// Package transfer moves backups between a broker's admin API and a file.
//
// It does not look into them: what is in one, and whether it is whole, the broker checks. Who reaches a broker is the
// business of packages cluster and local, which make a Target; the commands backup and restore use it.
package transfer
