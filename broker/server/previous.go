package server

import (
	"cmp"
	"slices"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/broker/auth"
)

// onPrevious calls fn with each connection that was made with a password that another has taken the place of. While
// nobody's is changing it looks at none.
func (s *Server) onPrevious(fn func(*client, *conn, *auth.Identity)) {
	p := s.auth.Policy()
	if !p.Changing() {
		return
	}
	for part := range s.clients.shards {
		for _, cl := range s.clients.all(part) {
			c := cl.live.Load() // mu is held while a session is stored
			if id := cl.identity.Load(); c != nil && id != nil && p.Previous(id) {
				fn(cl, c, id)
			}
		}
	}
}

// countPrevious is how many connections there are with a password of before.
func (s *Server) countPrevious() (n int64) {
	s.onPrevious(func(*client, *conn, *auth.Identity) { n++ })
	return n
}

// listPrevious names them, at most limit, in order of user and client.
func (s *Server) listPrevious(limit int) []api.PreviousPassword {
	list := []api.PreviousPassword{}
	s.onPrevious(func(cl *client, c *conn, id *auth.Identity) {
		list = append(list, api.PreviousPassword{User: id.Username(), Client: cl.id, Address: c.nc.RemoteAddr().String()})
	})
	slices.SortFunc(list, func(a, b api.PreviousPassword) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Client, b.Client))
	})
	return list[:min(len(list), limit)]
}
