package cluster

import (
	"sync"

	"github.com/go-logr/logr"
)

// troubles keeps the last error that a port-forward logs: a connection through it only ends, and does not say why.
type troubles struct {
	mu   sync.Mutex
	last error
}

// Last is that error; nil: there was none.
func (t *troubles) Last() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// Error implements logr.LogSink.
func (t *troubles) Error(err error, _ string, _ ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = err
}

// Init implements logr.LogSink.
func (t *troubles) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink: of what is no error nothing is kept.
func (t *troubles) Enabled(int) bool { return false }

// Info implements logr.LogSink.
func (t *troubles) Info(int, string, ...any) {}

// WithValues implements logr.LogSink.
func (t *troubles) WithValues(...any) logr.LogSink { return t }

// WithName implements logr.LogSink.
func (t *troubles) WithName(string) logr.LogSink { return t }
