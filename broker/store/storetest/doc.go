// Package storetest holds every backend of package store to the same contract. Run is called by the backends' tests, and by nothing else.
package storetest
