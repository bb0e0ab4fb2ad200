package admin

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// pace is the bytes for which a stream has its patience anew: with 30 s, one slower than 1 kB/s ends.
const pace = 32 << 10

// pacedWriter sends an answer of any length, as long as it moves.
type pacedWriter struct {
	to       io.Writer
	control  *http.ResponseController
	patience time.Duration
	bytes    int64 // that were written
	failed   error // what ended it
}

// Write implements io.Writer.
func (w *pacedWriter) Write(p []byte) (n int, err error) {
	for len(p) > n && w.failed == nil {
		if w.failed = w.control.SetWriteDeadline(time.Now().Add(w.patience)); w.failed != nil {
			break
		}
		var sent int
		sent, w.failed = w.to.Write(p[n:min(len(p), n+pace)])
		n += sent
		w.bytes += int64(sent)
	}
	return n, w.failed
}

// pacedReader receives a request of any length, as long as it moves.
type pacedReader struct {
	from     io.Reader
	control  *http.ResponseController
	patience time.Duration
	bytes    int64 // that were read
	failed   error // what ended it before its end
	ended    bool
}

// Read implements io.Reader.
func (r *pacedReader) Read(p []byte) (n int, err error) {
	if r.ended { // net/http reads on, to notice that the caller goes away: no deadline for that
		return 0, io.EOF
	}
	if err := r.control.SetReadDeadline(time.Now().Add(r.patience)); err != nil {
		r.failed = err
		return 0, err
	}
	n, err = r.from.Read(p[:min(len(p), pace)])
	r.bytes += int64(n)
	if r.ended = errors.Is(err, io.EOF); err != nil && !r.ended {
		r.failed = err
	}
	return n, err
}
