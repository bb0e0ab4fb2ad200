//go:build !linux

package poll

// Poller is for Linux.
type Poller struct{}

// New returns ErrUnsupported.
func New() (*Poller, error) { return nil, ErrUnsupported }

// Add is never called.
func (*Poller) Add(int, Socket) error { return ErrUnsupported }

// Remove is never called.
func (*Poller) Remove(int, Socket) {}

// Look is never called.
func (*Poller) Look() {}

// Close is never called.
func (*Poller) Close() error { return nil }
