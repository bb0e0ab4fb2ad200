package admin

import (
	"log/slog"
	"net/http"
	"time"
)

// Call is one call of the admin API, for the audit log.
type Call struct {
	Caller Caller // the zero Caller: nobody that the broker knows
	Peer   string // host:port
	Method string
	Path   string // at most 1 kB of it
	Query  string // at most 1 kB of it
	Status int    // of the answer; of a stream, which is told of when it begins, 200
	Took   time.Duration
}

// Audit is told of every call, by several goroutines at a time, and keeps none waiting.
type Audit interface {
	AdminCall(c Call)
}

// logged is the Audit where there is no other.
type logged struct{ log *slog.Logger }

// AdminCall implements Audit.
func (l logged) AdminCall(c Call) {
	l.log.Info("admin call", "audit", true, "caller", c.Caller.Name, "role", c.Caller.Role.String(), "peer", c.Peer,
		"method", c.Method, "path", c.Path, "query", c.Query, "status", c.Status, "took", c.Took)
}

// maxAudited is how much of path and query is told of, in bytes.
const maxAudited = 1 << 10

func clip(s string) string {
	if len(s) > maxAudited {
		return s[:maxAudited] + "..."
	}
	return s
}

// recorder remembers the status of an answer.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
