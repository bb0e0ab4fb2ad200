// Package health judges how a broker is: from what its admin API says, and in a cluster from its objects and pods, it
// makes one report with what is wrong and what to do about it.
//
// It is pure: it asks nobody and reads no clock. The commands status and report use it.
package health
