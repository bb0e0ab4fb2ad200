// Package inspect keeps what the broker tells people about itself, beyond what it keeps anyway: what was refused of late, which
// topics are published to, and packets as they come and go.
//
// It is asked through the admin API. While nobody asks it costs the data path one load of a pointer that is nil: nothing is
// counted, decoded or kept. Everything that it does keep is bounded. It does no I/O and keeps nobody waiting. Package
// server tells it what happens, and hands what it knows to package admin.
package inspect
