package admin

import (
	_ "embed" // the description
	"net/http"
)

// description is what hack/adminapi has made of the routes and of the types of package api.
//
//go:embed openapi.json
var description []byte

func (a *endpoints) openAPI(c *call) {
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(description) // the caller is gone if it fails
}
