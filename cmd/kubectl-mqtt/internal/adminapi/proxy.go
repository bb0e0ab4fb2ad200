package adminapi

import (
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// Proxy passes calls on to the broker, with this client's credentials in place of the caller's. A broker that cannot be
// asked is told to failed, and to the caller as 502 with an api.Error.
func (c *Client) Proxy(failed func(error)) (http.Handler, error) {
	base, err := url.Parse(c.base)
	if err != nil {
		return nil, err
	}
	return &httputil.ReverseProxy{
		Transport:     c.http.Transport,
		FlushInterval: -1, // a trace is shown as it comes
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(base)
			// The broker is asked by this program. What says of a browser who that one is and from where it asks is not the
			// broker's to judge.
			for _, header := range []string{"Authorization", "Cookie", "Origin", "Referer", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"} {
				r.Out.Header.Del(header)
			}
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() != nil {
				return // the caller has gone
			}
			err = c.explain(err)
			failed(err)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadGateway)
			_ = json.NewEncoder(w).Encode(api.Error{Error: "the broker cannot be reached: " + err.Error()}) // the caller is gone if it fails
		},
	}, nil
}
