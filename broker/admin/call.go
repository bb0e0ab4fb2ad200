package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// call is one call of an endpoint, which is let in and whose query is good.
type call struct {
	w      http.ResponseWriter
	r      *http.Request
	query  url.Values
	caller Caller
}

// text is a parameter of the query; "": not given.
func (c *call) text(name string) string { return c.query.Get(name) }

// flag is a parameter that is true or false; nil: not given.
func (c *call) flag(name string) *bool {
	if !c.query.Has(name) {
		return nil
	}
	return new(c.query.Get(name) == "true")
}

// set says whether a parameter is true.
func (c *call) set(name string) bool { return c.query.Get(name) == "true" }

// part is what of a list is asked for.
func (c *call) part() Range {
	r := Range{After: c.query.Get("after"), Limit: defaultLimit}
	if n, err := strconv.Atoi(c.query.Get("limit")); err == nil {
		r.Limit = n
	}
	return r
}

// reply sends v, or what is wrong.
func reply[T any](c *call, v T, err error) {
	if err != nil {
		c.failed(err)
		return
	}
	sendJSON(c.w, http.StatusOK, v)
}

// failed says what is wrong.
func (c *call) failed(err error) {
	status := http.StatusInternalServerError
	for _, known := range [...]struct {
		err    error
		status int
	}{
		{ErrNotFound, http.StatusNotFound}, {ErrInvalid, http.StatusBadRequest}, {ErrConflict, http.StatusConflict},
		{ErrUnavailable, http.StatusServiceUnavailable}, {ErrTooMany, http.StatusTooManyRequests},
	} {
		if errors.Is(err, known.err) {
			status = known.status
		}
	}
	fail(c.w, status, err.Error())
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int, why string) {
	sendJSON(w, status, api.Error{Error: why})
}

// refuse is fail for who may not call.
func refuse(w http.ResponseWriter, r *refusal) {
	if r.status == http.StatusUnauthorized {
		// Not Basic, though that is taken too: browsers would ask for a password, and send it from then on unasked.
		w.Header().Set("WWW-Authenticate", `Bearer realm="dunlin"`)
	}
	if r.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((r.wait+time.Second-1)/time.Second)))
	}
	fail(w, r.status, r.why)
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil { // the types of api all have an encoding
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be encoded"}`)
	}
	// The time to write an answer is counted from when there is one: over TLS, one that is late would look damaged.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(callTimeout)) // in tests there are none
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the caller is gone if it fails
}

// check says what is wrong with a query; nil: nothing.
func (r *route) check(query url.Values) error {
	for name, values := range query {
		p := r.param(name)
		switch {
		case p == nil:
			return fmt.Errorf("%w: there is no parameter %.40q here%s", ErrInvalid, name, r.known())
		case len(values) > 1:
			return fmt.Errorf("%w: parameter %s is given %d times", ErrInvalid, name, len(values))
		case !utf8.ValidString(values[0]):
			return fmt.Errorf("%w: parameter %s is not UTF-8", ErrInvalid, name)
		}
		if err := p.check(values[0]); err != nil {
			return fmt.Errorf("%w: parameter %s: %w", ErrInvalid, name, err)
		}
	}
	for i := range r.params {
		if p := &r.params[i]; p.required && !query.Has(p.name) {
			return fmt.Errorf("%w: parameter %s is needed", ErrInvalid, p.name)
		}
	}
	return nil
}
