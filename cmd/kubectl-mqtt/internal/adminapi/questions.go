package adminapi

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
)

// MaxPage is the most that one page of a list has.
const MaxPage = 1000

// Status is how the broker is.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return get[api.Status](ctx, c, "ask for the broker's status", "/v1/status")
}

// Overview is all of the broker on one screen.
func (c *Client) Overview(ctx context.Context) (api.Overview, error) {
	return get[api.Overview](ctx, c, "ask how the broker is", "/v1/overview")
}

// ClientQuery narrows the list of clients. Zero: all of them.
type ClientQuery struct {
	Search    string // a part of the identifier, user name or address
	User      string
	Listener  string
	Connected *bool
}

// Clients is a page of the clients, after the cursor after ("": the first), of at most limit.
func (c *Client) Clients(ctx context.Context, q ClientQuery, after string, limit int) (api.Page[api.Client], error) {
	query := page(after, limit)
	set(query, "search", q.Search)
	set(query, "user", q.User)
	set(query, "listener", q.Listener)
	if q.Connected != nil {
		query.Set("connected", strconv.FormatBool(*q.Connected))
	}
	return get[api.Page[api.Client]](ctx, c, "list the clients", "/v1/clients?"+query.Encode())
}

// ClientDetail is all that is known of a client. One that is not there is a *RefusedError with Status 404.
func (c *Client) ClientDetail(ctx context.Context, id string) (api.ClientDetail, error) {
	return get[api.ClientDetail](ctx, c, "ask for client "+id, "/v1/clients/"+url.PathEscape(id))
}

// Disconnect ends a client's connection, and with session also its session.
func (c *Client) Disconnect(ctx context.Context, id string, session bool) error {
	return c.remove(ctx, "disconnect client "+id, "/v1/clients/"+url.PathEscape(id)+"?session="+strconv.FormatBool(session))
}

// Topics is a page of the level of the tree of topics below under ("": the first level).
func (c *Client) Topics(ctx context.Context, under, after string, limit int) (api.Page[api.TopicNode], error) {
	query := page(after, limit)
	set(query, "under", under)
	return get[api.Page[api.TopicNode]](ctx, c, "list the topics", "/v1/topics?"+query.Encode())
}

// Users is a page of who may connect, of those with search in their name.
func (c *Client) Users(ctx context.Context, search, after string, limit int) (api.Page[api.User], error) {
	query := page(after, limit)
	set(query, "search", search)
	return get[api.Page[api.User]](ctx, c, "list the users", "/v1/users?"+query.Encode())
}

// User is who may connect by that name; nil: nobody may.
func (c *Client) User(ctx context.Context, name string) (*api.User, error) {
	users := All(func(after string) (api.Page[api.User], error) { return c.Users(ctx, name, after, MaxPage) })
	for u, err := range users {
		if err != nil {
			return nil, err
		}
		if u.Name == name {
			return &u, nil
		}
	}
	return nil, nil
}

// Rules is a page of the access rules in force.
func (c *Client) Rules(ctx context.Context, after string, limit int) (api.Page[api.Rule], error) {
	return get[api.Page[api.Rule]](ctx, c, "list the access rules", "/v1/access/rules?"+page(after, limit).Encode())
}

// Denials is a page of what was refused of late, the newest first.
func (c *Client) Denials(ctx context.Context, after string, limit int) (api.Page[api.Denial], error) {
	return get[api.Page[api.Denial]](ctx, c, "list what was denied", "/v1/access/denials?"+page(after, limit).Encode())
}

// AccessQuery is a question that the access rules answer.
type AccessQuery struct {
	User, ClientID string
	Action         string // Publish or Subscribe
	Topic          string // or a filter
}

// Access is what the rules in force say.
func (c *Client) Access(ctx context.Context, q AccessQuery) (api.Decision, error) {
	query := url.Values{"action": {q.Action}, "topic": {q.Topic}}
	set(query, "user", q.User)
	set(query, "clientId", q.ClientID)
	return get[api.Decision](ctx, c, "ask what the access rules say", "/v1/access?"+query.Encode())
}

// PreviousPasswords are the connections that were made with a password of before.
func (c *Client) PreviousPasswords(ctx context.Context) ([]api.PreviousPassword, error) {
	return get[[]api.PreviousPassword](ctx, c, "ask for connections with previous passwords", "/v1/previous-passwords")
}

// Metrics are the metrics in Prometheus' text format.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := c.call(ctx, http.MethodGet, "/metrics", nil, 0)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("read metrics: %w", c.explain(err))
	}
	return text, nil
}

// All is every item of a list, page by page. It ends with the first error.
func All[T any](fetch func(after string) (api.Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := ""; ; {
			p, err := fetch(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range p.Items {
				if !yield(item, nil) {
					return
				}
			}
			if p.Next == "" || p.Next == after {
				return
			}
			after = p.Next
		}
	}
}

// page is what asks for one.
func page(after string, limit int) url.Values {
	query := url.Values{}
	set(query, "after", after)
	if limit > 0 {
		query.Set("limit", strconv.Itoa(min(limit, MaxPage)))
	}
	return query
}

// set leaves out what is empty.
func set(query url.Values, key, value string) {
	if value != "" {
		query.Set(key, value)
	}
}
