package admin

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// endpoints are the admin API.
type endpoints struct {
	Deps
	callers  *callers
	instance string
	patience time.Duration // with a stream that stands still
	transfer sync.Mutex    // held by the one backup or restore that is under way
	busy     sync.RWMutex  // held by every call that is under way
	crossing *http.CrossOriginProtection
}

func newEndpoints(d Deps, who *callers, patience time.Duration) *endpoints {
	if d.Audit == nil {
		d.Audit = logged{d.Log}
	}
	return &endpoints{Deps: d, callers: who, instance: rand.Text(), patience: patience, crossing: http.NewCrossOriginProtection()}
}

// maxBody is what is read of a request's body by an endpoint that wants none, in bytes.
const maxBody = 64 << 10

// handler serves everything on the admin port.
func (a *endpoints) handler() http.Handler {
	mux := http.NewServeMux()
	byPath := make(map[string][]route)
	for _, r := range routes() {
		if r.path != "/metrics" || a.Metrics != nil {
			byPath[r.path] = append(byPath[r.path], r)
		}
	}
	for pattern, methods := range byPath {
		mux.Handle(strings.ReplaceAll(pattern, "{topic}", "{topic...}"), a.endpoint(methods))
	}
	mux.Handle("/v1/", a.endpoint(nil))
	if a.Console != nil {
		mux.Handle("/", a.Console)
	} else {
		mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, http.StatusNotFound, "there is nothing here") })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if p := r.URL.EscapedPath(); p != clean(p) { // else the mux would redirect, and a DELETE might hit another topic
			fail(w, http.StatusBadRequest, "the path has empty levels, . or ..: write a slash within a topic or client identifier as %2F, a dot as %2E")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// clean is a path as the mux wants it.
func clean(p string) string {
	c := path.Clean("/" + p)
	if strings.HasSuffix(p, "/") && c != "/" {
		c += "/"
	}
	return c
}

// secure sets what every answer has. There are no cookies, so that nothing can ride on them.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// endpoint serves one path, for which there are these methods; none: there is no such path, of which only those hear who
// may call.
func (a *endpoints) endpoint(methods []route) http.Handler {
	return http.HandlerFunc(func(plain http.ResponseWriter, r *http.Request) {
		a.busy.RLock()
		defer a.busy.RUnlock()
		w := &recorder{ResponseWriter: plain}
		began := time.Now()
		told := Call{Peer: r.RemoteAddr, Method: r.Method, Path: clip(r.URL.EscapedPath()), Query: clip(r.URL.RawQuery)}
		early := false // the call was told of when it began
		defer func() {
			if told.Status, told.Took = w.status, time.Since(began); !early {
				a.Audit.AdminCall(told)
			}
		}()
		found, query := a.admit(w, r, methods, &told.Caller)
		if found == nil {
			return
		}
		if found.path == "/v1/trace" {
			told.Status, early = http.StatusOK, true
			a.Audit.AdminCall(told)
		}
		if found.method != http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		found.serve(a, &call{w: w, r: r, query: query, caller: told.Caller})
	})
}

// admit says which of the endpoints of a path is to serve r, and who calls; nil: none is, and the caller has been told.
func (a *endpoints) admit(w http.ResponseWriter, r *http.Request, methods []route, who *Caller) (*route, url.Values) {
	caller, err := a.callers.who(r)
	if refused := new(refusal); errors.As(err, &refused) {
		refuse(w, refused)
		return nil, nil
	}
	*who = caller
	if wait := a.callers.rates.Take(caller.Name, time.Now()); wait > 0 {
		refuse(w, &refusal{http.StatusTooManyRequests, "this caller calls too often", wait})
		return nil, nil
	}
	at := slices.IndexFunc(methods, func(m route) bool {
		return m.method == r.Method || r.Method == http.MethodHead && m.method == http.MethodGet && m.media == ""
	})
	switch {
	case methods == nil:
		fail(w, http.StatusNotFound, "there is no such endpoint: /v1/openapi.json lists them")
		return nil, nil
	case at < 0:
		for _, m := range methods {
			w.Header().Add("Allow", m.method)
		}
		fail(w, http.StatusMethodNotAllowed, "this is called by "+strings.Join(w.Header()["Allow"], " or "))
		return nil, nil
	}
	found := &methods[at]
	if caller.Role < found.role {
		fail(w, http.StatusForbidden, "this needs the role "+found.role.String()+", and "+caller.Name+" has "+caller.Role.String())
		return nil, nil
	}
	if err := a.crossing.Check(r); err != nil {
		fail(w, http.StatusForbidden, "a web page of another origin may not call this")
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err == nil {
		err = found.check(query)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return nil, nil
	}
	return found, query
}

func (a *endpoints) status(c *call) {
	s := api.Status{AuthRevision: a.AuthRevision(), Version: a.Version, Instance: a.instance}
	if a.ClientTrust != nil {
		s.ClientTrust = a.ClientTrust()
	}
	if a.ConfigRevision != nil {
		s.ConfigRevision = a.ConfigRevision()
	}
	if err := a.Ready(); err != nil {
		s.NotReady = err.Error()
	}
	reply(c, s, nil)
}

func (a *endpoints) me(c *call) {
	reply(c, api.Me{Name: c.caller.Name, Role: c.caller.Role.String()}, nil)
}

func (a *endpoints) metrics(c *call)    { a.Metrics.ServeHTTP(c.w, c.r) }
func (a *endpoints) backupOne(c *call)  { a.one(a.backup)(c.w, c.r) }
func (a *endpoints) restoreOne(c *call) { a.one(a.restore)(c.w, c.r) }
