package adminapi

import (
	"encoding/json"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// Proxy passes calls on to the broker, with this client's credentials in place of the caller's. A broker that cannot be
// asked, or does not begin to answer within Answer, is told to failed, and to the caller as 502 with an api.Error.
func (c *Client) Proxy(failed func(error)) (http.Handler, error) {
	base, err := url.Parse(c.base)
	if err != nil {
		return nil, err
	}
	// A way that is dead without a word, as a port-forward to a node that is gone, has to be given up before the caller does:
	// then it is not known whose fault it was.
	transport := c.http.Transport.(*http.Transport).Clone()
	transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout, transport.IdleConnTimeout = c.Answer, c.Answer, time.Minute
	return &httputil.ReverseProxy{
		Transport:     transport,
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
