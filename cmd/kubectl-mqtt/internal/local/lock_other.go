//go:build !unix

package local

import "os"

// lock does nothing where there are no advisory locks: the store's own lock keeps a second broker out.
func lock(*os.File) error { return nil }
