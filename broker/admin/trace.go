package admin

import (
	"encoding/json"
	"net/http"
	"time"
)

// traceFlush is how long an event may wait for others, to be sent with them.
const traceFlush = 50 * time.Millisecond

// trace sends packets as they come and go, until the caller goes, or stands still.
func (a *endpoints) trace(c *call) {
	control := http.NewResponseController(c.w)
	// net/http reads on, to notice that the caller goes away: for as long as the stream lasts.
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		c.failed(err)
		return
	}
	t, err := a.Tracer.Trace(TraceQuery{
		Client: c.text("client"), User: c.text("user"), Topic: c.text("topic"), Payload: c.set("payload"),
	})
	if err != nil {
		c.failed(err)
		return
	}
	defer t.Stop()
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	c.w.Header().Set("X-Accel-Buffering", "no") // of proxies on the way
	c.w.WriteHeader(http.StatusOK)
	out := &pacedWriter{to: c.w, control: control, patience: a.patience}
	lines := json.NewEncoder(out)
	flush := time.NewTimer(0) // at once: so that the caller knows that it has begun
	defer flush.Stop()
	waiting := true // for flush
	for out.failed == nil {
		select {
		case <-c.r.Context().Done():
			return
		case e := <-t.Events():
			_ = lines.Encode(e) // out has the error
			if !waiting {
				waiting = true
				flush.Reset(traceFlush)
			}
		case <-flush.C:
			waiting = false
			if out.failed = control.SetWriteDeadline(time.Now().Add(a.patience)); out.failed == nil {
				out.failed = control.Flush()
			}
		}
	}
}
